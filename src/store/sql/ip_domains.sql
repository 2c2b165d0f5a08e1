-- The domains that send from an address. Index domains_by_ip.
select domain_id from domains where ip_id = $1 order by domain_id
