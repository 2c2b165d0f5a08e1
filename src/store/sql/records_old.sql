-- Reports from before an instant whose records are still kept, oldest first. Index reports_by_age.
select report_no, records
from reports where domain_id = $1 and records_kept = 1 and begin_at < $2 order by begin_at limit $3
