-- name: key_add
-- A new key; its secret is known to its owner alone.
insert into api_keys (key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, null, null)

-- name: key_by_hash
-- The key with this hash, revoked or not. Unique index on hash.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where hash = $1

-- name: key_by_id
-- A key of the account, revoked or not. Primary key.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where account_id = $1 and key_id = $2

-- name: key_list
-- An account's keys, newest first. Index api_keys_by_account.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where account_id = $1 order by key_id desc

-- name: key_revoke
-- Revokes a key of the account, once. Primary key.
update api_keys set revoked_at = $3 where account_id = $1 and key_id = $2 and revoked_at is null

-- name: key_rotate
-- Gives a key of the account another secret, unless it is revoked. Primary key.
update api_keys set prefix = $3, hash = $4, last_used_at = null
where account_id = $1 and key_id = $2 and revoked_at is null

-- name: key_used
-- Notes when a key was last used. Primary key.
update api_keys set last_used_at = $2 where key_id = $1

-- name: keys_of_domain_revoke
-- Revokes the keys that are bound to a domain which goes. Index api_keys_by_account.
update api_keys set revoked_at = $3 where account_id = $1 and domain_id = $2 and revoked_at is null
