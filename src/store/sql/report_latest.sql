-- The reports of a domain that came last, counted or not, of those below a number. Primary key.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no < $3 order by report_no desc limit $2
