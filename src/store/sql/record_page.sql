-- Records of a report, in its order, from a place on. Primary key.
select seq, source_high, source_low, messages, verdict, evidence_id
from records where domain_id = $1 and report_no = $2 and seq >= $3 order by seq limit $4
