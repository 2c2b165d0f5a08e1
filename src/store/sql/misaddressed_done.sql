-- Earlier messages have been read again. Primary key.
update counters set value = 0 where name = 'misaddressed_before'
