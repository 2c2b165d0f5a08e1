-- A new tenant, unless the name is taken. Unique index on name.
insert into accounts (account_id, name, mode, created_at) values ($1, $2, $3, $4)
on conflict (name) do nothing
