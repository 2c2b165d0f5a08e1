-- Replaces what a domain's private key is encrypted with. Primary key.
update dkim_keys set sealed_key = $2 where domain_id = $1 and sealed_key = $3
