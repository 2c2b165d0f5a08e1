-- The mail that carried a report was checked again. Primary key.
update reports set authenticated = $3, provenance = $4 where domain_id = $1 and report_no = $2
