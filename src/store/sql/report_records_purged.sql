-- Notes that a report's records are gone. Primary key.
update reports set records_kept = 0, records_since = null where domain_id = $1 and report_no = $2
