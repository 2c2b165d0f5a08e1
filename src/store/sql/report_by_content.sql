-- Known reports with these contents. Unique index reports_by_content.
select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, arrivals,
    records, pass + fail, acceptance
from reports where (domain_id, content_key) in (values ($1, $2))
