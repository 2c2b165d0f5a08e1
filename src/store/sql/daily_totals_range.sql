-- The days of a range that have messages or reports. Primary key.
select day, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, reports
from daily_totals where domain_id = $1 and day >= $2 and day <= $3 order by day
