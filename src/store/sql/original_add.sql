-- The bytes as received with their digest, once per domain and batch, under the number of its first new report.
insert into originals (domain_id, report_no, received_at, digest, unpacked_len, bytes) values ($1, $2, $3, $4, $5, $6)
