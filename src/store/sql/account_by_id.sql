-- A tenant. Primary key.
select account_id, name, mode, created_at from accounts where account_id = $1
