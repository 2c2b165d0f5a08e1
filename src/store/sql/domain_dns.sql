-- What is known of a domain's DNS: its key without the private half, its address, what was found. Primary keys.
select dkim_keys.selector, dkim_keys.public_key, dkim_keys.created_at, ip_addresses.ip_id, ip_addresses.account_id,
    ip_addresses.address, domain_checks.checks, substr(dkim_keys.sealed_key, 1, 9)
from domains
left join dkim_keys on dkim_keys.domain_id = domains.domain_id
left join ip_addresses on ip_addresses.ip_id = domains.ip_id
left join domain_checks on domain_checks.domain_id = domains.domain_id
where domains.domain_id = $1
