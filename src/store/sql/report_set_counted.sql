-- A conflict was decided otherwise. Primary key.
update reports set counted = $3 where domain_id = $1 and report_no = $2
