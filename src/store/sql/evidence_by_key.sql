-- The numbers of known evidence. Unique index evidence_by_key.
select domain_id, evidence_key, evidence_id
from evidence where (domain_id, evidence_key) in (values ($1, $2))
