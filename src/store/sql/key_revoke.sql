-- Revokes a key of the account, once. Primary key.
update api_keys set revoked_at = $3 where account_id = $1 and key_id = $2 and revoked_at is null
