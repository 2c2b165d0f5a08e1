-- Unclaimed reports of one message. Unique index on (account_id, kind, digest, policy_domain).
select set_aside_id, policy_domain
from set_aside where account_id = $1 and kind = 1 and digest = $2
