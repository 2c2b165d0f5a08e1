-- An address. Unique index on address.
select ip_id, account_id, address from ip_addresses where address = $1
