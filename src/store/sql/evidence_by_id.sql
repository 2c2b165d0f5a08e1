-- Evidence by its numbers. Primary key.
select evidence_id, content
from evidence where (domain_id, evidence_id) in (values ($1, $2))
