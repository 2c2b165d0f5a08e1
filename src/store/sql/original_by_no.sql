-- The mail of a report as it is stored. Primary key.
select received_at, digest, unpacked_len, bytes from originals where domain_id = $1 and report_no = $2
