-- The names that an account has unclaimed reports about. Index set_aside_by_policy_domain.
select distinct policy_domain
from set_aside where account_id = $1 and kind = 1
