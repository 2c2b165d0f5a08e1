-- Every tenant, by name. A small table.
select account_id, name, mode, created_at from accounts order by name
