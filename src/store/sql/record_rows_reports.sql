-- Reports of a domain whose records are not packed. Primary key.
select distinct report_no from record_rows where domain_id = $1 order by report_no limit $2
