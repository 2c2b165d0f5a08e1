-- Known reports with these identities. Index reports_by_identity; the last condition, which is always true, makes SQLite
-- prefer it to going through all reports of the domain.
select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, arrivals,
    records, pass + fail, acceptance
from reports where (domain_id, identity_key) in (values ($1, $2)) and identity_key >= ''
