-- Says that evidence is about to be dropped: a report that needs it from now on has to say so. Primary key.
update evidence set condemned = 1 where (domain_id, evidence_id) in (values ($1, $2))
