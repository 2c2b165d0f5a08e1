-- Drops evidence that no report has needed since it was condemned. Primary key.
delete from evidence where (domain_id, evidence_id) in (values ($1, $2)) and condemned = 1
