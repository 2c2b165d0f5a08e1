-- Reports with records, about a range of names other than the domain's own, and how many records they have. Index
-- reports_by_policy.
select report_no, records
from reports where domain_id = $1 and policy_key >= $2 and policy_key < $3 and policy_key is not null and records_kept = 1
order by policy_key, report_no
