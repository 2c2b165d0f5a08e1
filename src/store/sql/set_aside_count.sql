-- How many set_aside_list has in all.
select count(*) from set_aside where ($1 = 0 or account_id = $1) and ($2 = -1 or kind = $2)
