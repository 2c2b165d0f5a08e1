-- The slices of texts about a range of names, those of one text together. Index slices_by_policy.
select content_key, domain_id, report_no
from slices where account_id = $1 and policy >= $2 and policy < $3 order by content_key, report_no
