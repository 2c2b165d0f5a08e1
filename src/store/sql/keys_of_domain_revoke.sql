-- Revokes the keys that are bound to a domain which goes. Index api_keys_by_account.
update api_keys set revoked_at = $3 where account_id = $1 and domain_id = $2 and revoked_at is null
