-- Every address with the number of domains that send from it. A scan, by primary key; index on domains.ip_id.
select ip_id, account_id, address, (select count(*) from domains where domains.ip_id = ip_addresses.ip_id)
from ip_addresses order by ip_id
