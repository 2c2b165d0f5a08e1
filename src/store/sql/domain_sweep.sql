-- Says that a domain may have evidence without records (1), or is being looked at (2). Primary key.
update domains set evidence_due = $2 where domain_id = $1
