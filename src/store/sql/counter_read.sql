-- A counter's value. Primary key.
select value from counters where name = $1
