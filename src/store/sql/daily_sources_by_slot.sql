-- Parts of the packed sources of days. Primary key.
select domain_id, slot, sources
from daily_sources where (domain_id, slot) in (values ($1, $2))
