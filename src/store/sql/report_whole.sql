-- Reports with every column of the table, to be put under another domain. Primary key.
select domain_id, report_no, content_key, identity_key, begin_at, end_at, counted, pass, fail, dkim_aligned,
    spf_aligned, none, quarantine, reject, records, records_kept,
    received_at, authenticated, arrivals, warnings, partial, org_key,
    org_name, email, report_id, policy, detail, provenance, original_no, policy_key, piece_key, sliced,
    records_since, acceptance, history
from reports where (domain_id, report_no) in (values ($1, $2))
