-- Other mail to a domain, newest first, from below one on. Index set_aside_by_policy_domain.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where account_id = $1 and kind = 2 and policy_domain = $2 and domain_id = $3
    and set_aside_id < $6
order by set_aside_id desc limit $4 offset $5
