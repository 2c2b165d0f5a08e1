-- Says that evidence is needed. Primary key.
update evidence set condemned = 0 where (domain_id, evidence_id) in (values ($1, $2))
