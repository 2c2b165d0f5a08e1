-- The numbers of known evidence, and whether it is about to be dropped. Unique index evidence_by_key.
select domain_id, evidence_key, evidence_id, condemned
from evidence where (domain_id, evidence_key) in (values ($1, $2))
