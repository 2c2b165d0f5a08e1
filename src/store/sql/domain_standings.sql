-- Where domains stand, and what was last found of their records. Primary keys.
select domains.domain_id, domains.account_id, domains.status, domains.created_at, domains.verified_at,
    domains.last_checked_at, domains.misses, domains.missed_at, domain_checks.checks,
    domains.updated_at
from domains left join domain_checks on domain_checks.domain_id = domains.domain_id
where domains.domain_id in (values ($1))
