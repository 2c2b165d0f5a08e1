-- An original. Primary key.
select received_at, bytes from originals where domain_id = $1 and report_no = $2
