-- The bytes that a report came in, if they are still kept. Primary keys.
select originals.bytes, originals.received_at
from reports join originals on originals.domain_id = reports.domain_id and originals.digest = reports.original_digest
where reports.domain_id = $1 and reports.report_no = $2
