-- Messages set aside, newest first; 0 and -1 stand for any account and any kind. Index set_aside_by_message, or a scan.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where ($1 = 0 or account_id = $1) and ($2 = -1 or kind = $2)
order by set_aside_id desc limit $3 offset $4
