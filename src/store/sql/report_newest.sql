-- Of a domain's counted reports with windows of at most 25 hours the one whose window ends last, not after $2. Of several
-- the one that begins last, then the one that came last. Such a window ends at most 25 hours after it begins, so that
-- none before those is looked at. Covering index reports_by_begin, but for the row that is found.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no = (
    select report_no from reports
    where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at <= 90000 and begin_at >= (
        select begin_at - 90000 from reports
        where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at <= 90000
        order by begin_at desc limit 1
    )
    order by end_at desc, begin_at desc, report_no desc limit 1
)
