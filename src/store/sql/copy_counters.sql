-- Every counter, but for that of commits, which says how often a database was written to and not what it has. A handful of
-- rows, by primary key.
select name, value from counters where name <> 'commits' order by name
