-- Unclaimed reports of an account about one name. Index set_aside_by_policy_domain.
select set_aside_id
from set_aside where account_id = $1 and kind = 1 and policy_domain = $2 order by set_aside_id
