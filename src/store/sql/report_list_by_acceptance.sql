-- A page of reports that the figures do not have, of one kind, newest window first, from below a place on; filters as in
-- report_list. The page is found in the covering index reports_by_acceptance, in its order, then its rows are read.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no in (
    select report_no
    from reports where domain_id = $1 and acceptance = $6 and acceptance <> 0 and begin_at >= $2
        and (begin_at, report_no) < ($3, $9)
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
    order by begin_at desc, report_no desc limit $7 offset $8)
order by begin_at desc, report_no desc
