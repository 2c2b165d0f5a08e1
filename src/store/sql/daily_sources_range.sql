-- The packed sources of a range of days, in the parts that each has. Primary key.
select day, sources
from daily_sources where domain_id = $1 and day >= $2 and day <= $3 order by day, part
