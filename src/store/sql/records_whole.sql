-- Packed records of reports, with their place. Primary key.
select report_no, first_record, content
from records where (domain_id, report_no) in (values ($1, $2))
