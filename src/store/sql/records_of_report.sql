-- Packed records of a report, in its order, from a row on. Primary key.
select content
from records where domain_id = $1 and report_no = $2 and first_record >= $3 order by first_record limit $4
