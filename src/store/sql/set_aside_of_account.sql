-- Messages of an account that were set aside, newest first, from below one on. Index set_aside_by_account.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where account_id = $1
    and set_aside_id < $4
order by set_aside_id desc limit $2 offset $3
