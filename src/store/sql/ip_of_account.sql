-- The account's addresses. Index on (account_id, ip_id).
select ip_id, account_id, address from ip_addresses where account_id = $1 order by ip_id
