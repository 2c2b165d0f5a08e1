-- The other reports of one identity. Index reports_by_identity.
select report_no
from reports where domain_id = $1 and identity_key = $2 and report_no <> $3 order by report_no
