-- Nothing waits for a domain any more. Primary key.
update domains set claim_due = 0 where domain_id = $1 and claim_due = 1
