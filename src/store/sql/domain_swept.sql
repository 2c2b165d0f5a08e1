-- Says that a domain was looked at, unless it is to be looked at once more. Primary key.
update domains set evidence_due = 0 where domain_id = $1 and evidence_due = 2
