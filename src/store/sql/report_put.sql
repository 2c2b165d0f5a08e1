-- Reports as report_whole read them.
insert into reports (domain_id, report_no, content_key, identity_key, begin_at, end_at, counted, pass, fail, dkim_aligned,
    spf_aligned, none, quarantine, reject, records, records_kept,
    received_at, authenticated, arrivals, warnings, partial, org_key,
    org_name, email, report_id, policy, detail, provenance, original_no, policy_key, piece_key, sliced,
    records_since, acceptance, history)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
