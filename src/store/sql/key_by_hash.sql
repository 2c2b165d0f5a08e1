-- The key with this hash, revoked or not. Unique index on hash.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where hash = $1
