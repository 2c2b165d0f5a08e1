-- Lets a domain of the account send from an address of the account; its check is due. Primary keys.
update domains set ip_id = $3, next_check_at = $4, updated_at = $4
where account_id = $1 and domain_id = $2
    and exists (select 1 from ip_addresses where ip_addresses.ip_id = $3 and ip_addresses.account_id = $1)
