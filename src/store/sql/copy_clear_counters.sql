-- Drops the counters of a new database, which come with the copy.
delete from counters
