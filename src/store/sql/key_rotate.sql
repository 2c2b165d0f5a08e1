-- Gives a key of the account another secret, unless it is revoked. Primary key.
update api_keys set prefix = $3, hash = $4, last_used_at = null
where account_id = $1 and key_id = $2 and revoked_at is null
