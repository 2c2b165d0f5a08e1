-- name: slice_remove
-- Forgets slices. Primary key.
delete from slices where account_id = $1 and identity_key = $2 and domain_id = $3 and report_no = $4

-- name: slices_any
-- Whether the account has slices of texts. Index slices_by_policy.
select 1 from slices where account_id = $1 limit 1

-- name: slices_of_domain_remove
-- Forgets the slices that a domain has: an account has few. Primary key, its first column.
delete from slices where account_id = $1 and domain_id = $2

-- name: slices_of_policy
-- The slices of texts about a range of names, those of one text together. Index slices_by_policy.
select content_key, domain_id, report_no
from slices where account_id = $1 and policy >= $2 and policy < $3 order by content_key, report_no
