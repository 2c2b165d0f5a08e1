-- A new key; its secret is known to its owner alone.
insert into api_keys (key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, null, null)
