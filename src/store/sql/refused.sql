-- name: refused_day_add
-- Adds to the refused mail of one day. Primary key.
insert into refused_days (account_id, day, reason, messages, bytes, first_at, last_at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (account_id, day, reason) do update set messages = refused_days.messages + excluded.messages,
    bytes = refused_days.bytes + excluded.bytes,
    first_at = case when excluded.first_at < refused_days.first_at then excluded.first_at else refused_days.first_at end,
    last_at = case when excluded.last_at > refused_days.last_at then excluded.last_at else refused_days.last_at end

-- name: refused_days_of_account
-- The refused mail of an account from a given day, the latest day first. Primary key.
select day, reason, messages, bytes, first_at, last_at from refused_days where account_id = $1 and day >= $2
order by day desc, reason

-- name: refused_days_old
-- Deletes the refused mail of old days. Index refused_days_by_day.
delete from refused_days where day < $1
