-- The mail that a report came in, if it is still kept. Primary keys.
select originals.unpacked_len, originals.bytes, originals.received_at
from reports join originals on originals.domain_id = reports.domain_id and originals.report_no = reports.original_no
where reports.domain_id = $1 and reports.report_no = $2
