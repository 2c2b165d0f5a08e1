-- A new tenant.
insert into accounts (account_id, name, mode, created_at) values ($1, $2, $3, $4)
