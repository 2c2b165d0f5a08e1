-- Evidence by its numbers, with the name of the domain that its texts are relative to. Primary keys.
select evidence.evidence_id, evidence.content, domains.name
from evidence join domains on domains.domain_id = evidence.domain_id
where (evidence.domain_id, evidence.evidence_id) in (values ($1, $2))
