-- The bytes that a report came in, if they are still kept. Primary keys.
select originals.bytes, originals.received_at
from reports join originals on originals.domain_id = reports.domain_id and originals.report_no = reports.original_no
where reports.domain_id = $1 and reports.report_no = $2
union all
select originals_by_digest.bytes, originals_by_digest.received_at
from reports join originals_by_digest on originals_by_digest.domain_id = reports.domain_id
    and originals_by_digest.digest = reports.original_digest
where reports.domain_id = $1 and reports.report_no = $2
