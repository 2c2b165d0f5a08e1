-- name: evidence_of_report
-- Packed evidence of a report, from a block to a block. Primary key.
select block, content
from evidence where domain_id = $1 and report_no = $2 and block >= $3 and block <= $4 order by block

-- name: evidence_purge
-- Drops the evidence of one report. Primary key.
delete from evidence where domain_id = $1 and report_no = $2
