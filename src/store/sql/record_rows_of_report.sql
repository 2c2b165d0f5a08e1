-- The records of a report that are not packed, in its order. Primary key.
select source_high, source_low, messages, verdict, evidence_id
from record_rows where domain_id = $1 and report_no = $2 order by seq
