-- Lets a domain of the account send from the shared addresses again; its check is due. Primary key.
update domains set ip_id = null, next_check_at = $3, updated_at = $3
where account_id = $1 and domain_id = $2 and ip_id is not null
