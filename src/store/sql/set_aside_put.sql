-- Keeps a message that became no counted report, or counts its arrival. Unique index.
insert into set_aside (set_aside_id, account_id, kind, digest, policy_domain, domain_id, reason, detail, leaf, byte_offset,
    origin, received_at, arrivals, bytes_len, provenance)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $15)
on conflict (account_id, kind, digest, policy_domain) do update set arrivals = set_aside.arrivals + $14,
    domain_id = coalesce(set_aside.domain_id, excluded.domain_id), reason = excluded.reason, detail = excluded.detail, leaf = excluded.leaf, byte_offset = excluded.byte_offset
returning set_aside_id
