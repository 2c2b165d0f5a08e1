-- The mail of a report, if the domain does not have it. Primary key.
insert into originals (domain_id, report_no, received_at, digest, unpacked_len, bytes) values ($1, $2, $3, $4, $5, $6)
on conflict (domain_id, report_no) do nothing
