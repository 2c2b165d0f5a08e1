-- How many set_aside_list has in all. A scan.
select count(*) from set_aside where ($1 = -1 or kind = $1)
