-- The key of a domain's mail, unless it has one. Primary key.
insert into dkim_keys (domain_id, selector, public_key, sealed_key, created_at)
select domain_id, $2, $3, $4, $5 from domains where domain_id = $1
on conflict (domain_id) do nothing
