-- A tenant by its name. Unique index on name.
select account_id, name, mode, created_at from accounts where name = $1
