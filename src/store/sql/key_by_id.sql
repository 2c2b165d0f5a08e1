-- A key of the account, revoked or not. Primary key.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where account_id = $1 and key_id = $2
