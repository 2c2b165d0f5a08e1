-- Notes what a report is about. Primary key.
update reports set policy_key = $3 where domain_id = $1 and report_no = $2
