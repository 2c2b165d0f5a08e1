-- Counted reports of a range of instants, oldest first, from a place on: to walk all. Index reports_by_begin.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    and (begin_at > $4 or (begin_at = $4 and report_no > $5))
order by begin_at, report_no limit $6
