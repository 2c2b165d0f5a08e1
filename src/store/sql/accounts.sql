-- name: account_add
-- A new tenant, unless the name is taken. Unique index on name.
insert into accounts (account_id, name, mode, created_at) values ($1, $2, $3, $4)
on conflict (name) do nothing

-- name: account_by_id
-- A tenant. Primary key.
select account_id, name, mode, created_at from accounts where account_id = $1

-- name: account_by_name
-- A tenant by its name. Unique index on name.
select account_id, name, mode, created_at from accounts where name = $1

-- name: account_list
-- Every tenant, by name. A small table.
select account_id, name, mode, created_at from accounts order by name

-- name: accounts_due
-- Accounts with domains whose check is due. A scan of accounts; each is looked up in the index on (account_id, next_check_at).
select account_id from accounts
where exists (select 1 from domains where domains.account_id = accounts.account_id and domains.next_check_at <= $1)
order by account_id

-- name: account_summed_up
-- Notes that an account is told of a day, if it was not told of it or a later one. Primary key.
update accounts set summary_day = $2 where account_id = $1 and (summary_day is null or summary_day < $2)

-- name: account_not_summed_up
-- The accounts that were not told of a day yet, nor of a later one. A small table.
select account_id from accounts where summary_day is null or summary_day < $1

-- name: account_thresholds
-- The numbers of rules that an account has set. Primary key.
select thresholds from accounts where account_id = $1

-- name: account_thresholds_hold
-- The same, while no other transaction changes them. Primary key.
update accounts set thresholds = thresholds where account_id = $1 returning thresholds

-- name: account_thresholds_put
-- Sets numbers of rules for an account. Primary key.
update accounts set thresholds = $2 where account_id = $1
