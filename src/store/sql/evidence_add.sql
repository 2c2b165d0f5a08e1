-- New evidence.
insert into evidence (domain_id, evidence_id, evidence_key, content) values ($1, $2, $3, $4)
