-- name: records_due_count
-- As records_old: how many reports, and records in them. Covering index reports_by_begin, but for the rows that are found.
select count(*) as total, cast(coalesce(sum(records), 0) as bigint) as records
from reports where domain_id = $1 and counted = $2 and begin_at < $3 and records_since < $4

-- name: records_of_report
-- Packed records of a report, in its order, from a row on. Primary key.
select content
from records where domain_id = $1 and report_no = $2 and first_record >= $3 order by first_record limit $4

-- name: records_old
-- Reports of a range of windows' begins whose records are kept, and of age since before an instant, oldest window first;
-- counted ones, or those that are not. Covering index reports_by_begin, but for the rows that are found.
select report_no, records, begin_at
from reports where domain_id = $1 and counted = $2 and begin_at >= $3 and begin_at < $4 and records_since < $5
order by begin_at, report_no limit $6

-- name: records_purge
-- Drops the records of one report; its sums stay. Primary key.
delete from records where domain_id = $1 and report_no = $2
