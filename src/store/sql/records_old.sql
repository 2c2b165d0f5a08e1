-- Reports of a range of windows' begins whose records are kept, and of age since before an instant, oldest window first;
-- counted ones, or those that are not. Covering index reports_by_begin, but for the rows that are found.
select report_no, records, begin_at
from reports where domain_id = $1 and counted = $2 and begin_at >= $3 and begin_at < $4 and records_since < $5
order by begin_at, report_no limit $6
