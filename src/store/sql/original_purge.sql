-- Drops an original. Primary key.
delete from originals where domain_id = $1 and report_no = $2
