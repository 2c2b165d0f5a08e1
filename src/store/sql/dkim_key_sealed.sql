-- The private half of a domain's key, encrypted. Primary key.
select sealed_key from dkim_keys where domain_id = $1
