-- The refused mail of an account from a given day, the latest day first. Primary key.
select day, reason, messages, bytes, first_at, last_at from refused_days where account_id = $1 and day >= $2
order by day desc, reason
