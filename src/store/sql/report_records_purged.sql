-- Notes that a report's records are gone. Primary key.
update reports set records_kept = 0 where domain_id = $1 and report_no = $2
