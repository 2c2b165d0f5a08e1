-- Every counter. A handful of rows, by primary key.
select name, value from counters order by name
