-- Drops the records of one report; its sums stay. Primary key.
delete from records where domain_id = $1 and report_no = $2
