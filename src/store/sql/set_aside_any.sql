-- Has an account messages set aside that may be counted? Index set_aside_by_kind.
select 1 from set_aside where account_id = $1 and kind < 2 limit 1
