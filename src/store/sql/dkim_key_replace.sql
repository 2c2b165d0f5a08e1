-- Another key in place of a domain's, if it still has the one that the caller saw. Primary key.
update dkim_keys set selector = $2, public_key = $3, sealed_key = $4, created_at = $5
where domain_id = $1 and sealed_key = $6
