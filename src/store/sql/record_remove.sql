-- Removes the records of reports. Primary key.
delete from records where (domain_id, report_no) in (values ($1, $2))
