-- As records_old: how many reports, and records in them. Covering index reports_by_begin, but for the rows that are found.
select count(*), cast(coalesce(sum(records), 0) as bigint)
from reports where domain_id = $1 and counted = $2 and begin_at < $3 and records_since < $4
