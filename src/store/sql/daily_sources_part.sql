-- Parts of the packed sources of days. Primary key.
select domain_id, day, sources
from daily_sources where (domain_id, day, part) in (values ($1, $2, $3))
