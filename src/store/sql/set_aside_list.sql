-- Messages set aside of all accounts, newest first, from below one on; -1 stands for any kind. By primary key: an
-- operator's question.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where ($1 = -1 or kind = $1)
    and set_aside_id < $4
order by set_aside_id desc limit $2 offset $3
