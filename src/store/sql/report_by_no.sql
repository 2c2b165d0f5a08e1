-- One report. Primary key.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance,
    detail, identity_key, provenance, history
from reports where domain_id = $1 and report_no = $2
