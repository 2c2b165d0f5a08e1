-- An account's keys, newest first. Index api_keys_by_account.
select key_id, account_id, name, permission, domain_id, prefix, hash, created_at, last_used_at, revoked_at
from api_keys where account_id = $1 order by key_id desc
