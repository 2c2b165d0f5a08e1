-- Reports of a domain whose records are not packed, from a place on. Primary key.
select distinct report_no from record_rows where domain_id = $1 and report_no > $2 order by report_no limit $3
