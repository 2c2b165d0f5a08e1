-- Passed and failed messages of days. Primary key.
select domain_id, day, pass, fail
from daily_totals where (domain_id, day) in (values ($1, $2))
