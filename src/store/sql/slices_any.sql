-- Whether the account has slices of texts. Index slices_by_policy.
select 1 from slices where account_id = $1 limit 1
