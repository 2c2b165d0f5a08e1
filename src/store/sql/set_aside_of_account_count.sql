-- How many set_aside_of_account has in all. Index set_aside_by_kind.
select count(*) from set_aside where account_id = $1
