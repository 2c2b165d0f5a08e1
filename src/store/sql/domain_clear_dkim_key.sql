-- The key of a domain's mail. Primary key.
delete from dkim_keys where domain_id = $1
