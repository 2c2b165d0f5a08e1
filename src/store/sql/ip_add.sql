-- Allocates an address to an account, unless it is allocated already. Unique index on address.
insert into ip_addresses (ip_id, account_id, address, created_at) values ($1, $2, $3, $4)
on conflict (address) do nothing
