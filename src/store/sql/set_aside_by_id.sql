-- One message set aside. Primary key.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where set_aside_id = $1
