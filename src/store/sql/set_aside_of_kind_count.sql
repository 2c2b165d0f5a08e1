-- How many set_aside_of_kind has in all, up to a number of them. Index set_aside_by_kind.
select count(*) from (select 1 as one from set_aside where account_id = $1 and kind = $2 limit $3) as up_to
