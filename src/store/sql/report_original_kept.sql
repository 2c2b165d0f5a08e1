-- Whether the mail that a report came in is still kept. Primary keys.
select 1
from reports join originals on originals.domain_id = reports.domain_id and originals.report_no = reports.original_no
where reports.domain_id = $1 and reports.report_no = $2
