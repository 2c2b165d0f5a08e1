-- As report_newest, of the windows longer than 25 hours. Index reports_by_end.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at > 90000
order by end_at desc, begin_at desc, report_no desc limit 1
