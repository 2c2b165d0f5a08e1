-- Counted reports of a domain by contents, those of a range of keys. Index reports_by_content.
select content_key, content_key, report_no, sliced
from reports where domain_id = $1 and content_key >= $2 and content_key < $3 and counted = 1
