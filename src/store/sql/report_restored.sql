-- Notes that the records of a report are there again, and under which number its original is if that came with them.
-- Primary key.
update reports set records_kept = 1, records_since = $3, original_no = coalesce($4, original_no)
where domain_id = $1 and report_no = $2
