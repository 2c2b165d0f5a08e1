-- Known reports with these identities. Index reports_by_identity.
select domain_id, identity_key, report_no, counted, authenticated, records_kept
from reports where (domain_id, identity_key) in (values ($1, $2))
