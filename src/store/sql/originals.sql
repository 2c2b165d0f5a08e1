-- name: original_all
-- Every mail of a domain, as it is stored, to be verified. Primary key.
select report_no, digest, unpacked_len, bytes from originals where domain_id = $1 order by report_no

-- name: original_by_no
-- The mail of a report as it is stored. Primary key.
select received_at, digest, unpacked_len, mail_keys, bytes from originals where domain_id = $1 and report_no = $2

-- name: original_of_report
-- The mail that a report came in with its keys, if it is still kept. Primary keys.
select originals.unpacked_len, originals.mail_keys, originals.bytes, originals.received_at
from reports join originals on originals.domain_id = reports.domain_id and originals.report_no = reports.original_no
where reports.domain_id = $1 and reports.report_no = $2

-- name: original_purge
-- Drops an original. Primary key.
delete from originals where domain_id = $1 and report_no = $2

-- name: originals_due_count
-- How many originals of a domain are from before an instant. Index originals_by_arrival.
select count(*) as total from originals where domain_id = $1 and received_at < $2

-- name: originals_old
-- A domain's oldest originals from before an instant. Index originals_by_arrival.
select report_no from originals where domain_id = $1 and received_at < $2 order by received_at limit $3
