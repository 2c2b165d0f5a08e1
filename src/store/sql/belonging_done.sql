-- Every report is where it belongs. Primary key.
update counters set value = 0 where name = 'belonging_missing'
