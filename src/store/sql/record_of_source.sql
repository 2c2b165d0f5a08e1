-- The records of a report about one address. Primary key.
select seq, source_high, source_low, messages, verdict, evidence_id
from records where domain_id = $1 and report_no = $2
    and source_high is not distinct from $3 and source_low is not distinct from $4
order by seq limit $5
