-- Reports that are held for one reason, in the order of their windows, from a place on. Index
-- reports_by_acceptance.
select report_no, begin_at, org_name, email, received_at, history
from reports where domain_id = $1 and acceptance = $2 and acceptance <> 0 and begin_at >= $3
    and (begin_at > $3 or report_no > $4)
order by begin_at, report_no limit $5
