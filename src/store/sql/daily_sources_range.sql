-- The packed sources of a range of days, in the parts that each has. Primary key.
select slot, sources
from daily_sources where domain_id = $1 and slot >= $2 and slot <= $3 order by slot
