-- Takes a block of numbers; gives the first number after it. Primary key.
update counters set value = value + $2 where name = $1 returning value
