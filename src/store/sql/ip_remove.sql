-- Takes an address from its account. Primary key.
delete from ip_addresses where ip_id = $1
