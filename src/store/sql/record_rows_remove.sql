-- Drops a report's records that have been packed. Primary key.
delete from record_rows where domain_id = $1 and report_no = $2
