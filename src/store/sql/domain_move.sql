-- What a check makes of domains. Primary key.
with moved (domain_id, status, verified_at, last_checked_at, misses, missed_at, next_check_at) as (
    values ($1, $2, $3, $4, $5, $6, $7)
)
update domains set status = moved.status, verified_at = moved.verified_at, last_checked_at = moved.last_checked_at,
    misses = moved.misses, missed_at = moved.missed_at, next_check_at = moved.next_check_at
from moved where domains.domain_id = moved.domain_id
