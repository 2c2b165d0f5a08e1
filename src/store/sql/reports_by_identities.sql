-- Counted reports of a domain by identity, those of a range of keys. Index reports_by_identity.
select identity_key, content_key, report_no, sliced
from reports where domain_id = $1 and identity_key >= $2 and identity_key < $3 and counted = 1
