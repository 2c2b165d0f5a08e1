-- name: ip_add
-- Allocates an address to an account, unless it is allocated already. Unique index on address.
insert into ip_addresses (ip_id, account_id, address, created_at) values ($1, $2, $3, $4)
on conflict (address) do nothing

-- name: ip_assign
-- Lets a domain of the account send from an address of the account; its check is due. Primary keys.
update domains set ip_id = $3, next_check_at = $4, updated_at = $4
where account_id = $1 and domain_id = $2
    and exists (select 1 from ip_addresses where ip_addresses.ip_id = $3 and ip_addresses.account_id = $1)

-- name: ip_by_address
-- An address. Unique index on address.
select ip_id, account_id, address from ip_addresses where address = $1

-- name: ip_clear_domains
-- The domains of an address that goes send from the shared ones again; their check is due. Index on ip_id.
update domains set ip_id = null, next_check_at = $2, updated_at = $2 where ip_id = $1

-- name: ip_domains
-- The domains that send from an address. Index domains_by_ip.
select domain_id from domains where ip_id = $1 order by domain_id

-- name: ip_list
-- Every address with the number of domains that send from it. A scan, by primary key; index on domains.ip_id.
select ip_id, account_id, address, (select count(*) from domains where domains.ip_id = ip_addresses.ip_id) as domain_count
from ip_addresses order by ip_id

-- name: ip_of_account
-- The account's addresses. Index on (account_id, ip_id).
select ip_id, account_id, address from ip_addresses where account_id = $1 order by ip_id

-- name: ip_release
-- Lets a domain of the account send from the shared addresses again; its check is due. Primary key.
update domains set ip_id = null, next_check_at = $3, updated_at = $3
where account_id = $1 and domain_id = $2 and ip_id is not null

-- name: ip_remove
-- Takes an address from its account. Primary key.
delete from ip_addresses where ip_id = $1
