-- New records. source_high is null for IPv4; both halves are null without a readable address.
insert into records (domain_id, report_no, seq, source_high, source_low, messages, verdict, evidence_id)
values ($1, $2, $3, $4, $5, $6, $7, $8)
