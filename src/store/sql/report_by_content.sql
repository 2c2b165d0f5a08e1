-- Known reports with these contents. Unique index reports_by_content.
select domain_id, content_key, report_no, counted, authenticated, identity_key, records_kept
from reports where (domain_id, content_key) in (values ($1, $2))
