-- All reports of a domain, from a number on, and how many records they have. Primary key.
select report_no, records from reports where domain_id = $1 and report_no > $2 order by report_no limit $3
