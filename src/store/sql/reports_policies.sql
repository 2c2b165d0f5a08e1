-- What all reports of a domain are about, from a number on, where it was not noted yet. Primary key.
select report_no, policy from reports where domain_id = $1 and report_no > $2 order by report_no limit $3
