-- name: dkim_key_add
-- The key of a domain's mail, unless it has one. Primary key.
insert into dkim_keys (domain_id, selector, public_key, sealed_key, created_at)
select domain_id, $2, $3, $4, $5 from domains where domain_id = $1
on conflict (domain_id) do nothing

-- name: dkim_key_after
-- Encrypted keys, a page at a time, with the domains' public ids. Primary keys.
select dkim_keys.domain_id, domains.public_id, dkim_keys.sealed_key
from dkim_keys join domains on domains.domain_id = dkim_keys.domain_id
where dkim_keys.domain_id > $1 order by dkim_keys.domain_id limit $2

-- name: dkim_key_replace
-- Another key in place of a domain's, if it still has the one that the caller saw. Primary key.
update dkim_keys set selector = $2, public_key = $3, sealed_key = $4, created_at = $5
where domain_id = $1 and sealed_key = $6

-- name: dkim_key_reseal
-- Replaces what a domain's private key is encrypted with. Primary key.
update dkim_keys set sealed_key = $2 where domain_id = $1 and sealed_key = $3

-- name: dkim_key_sealed
-- The private half of a domain's key, encrypted. Primary key.
select sealed_key from dkim_keys where domain_id = $1
