-- The key of a session that has not run out, and that did not begin later than an instant. Primary keys.
select api_keys.key_id, account_id, name, permission, domain_id, prefix, hash, api_keys.created_at, last_used_at,
    revoked_at
from sessions join api_keys on api_keys.key_id = sessions.key_id
where session_hash = $1 and until_at > $2 and sessions.created_at <= $3
