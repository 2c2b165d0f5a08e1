-- Packed records of the reports of a range of numbers. Primary key.
select content from records where domain_id = $1 and report_no > $2 and report_no <= $3
