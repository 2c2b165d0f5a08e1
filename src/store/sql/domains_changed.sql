-- Tells every writer that its memory of which domains there are is old. Primary key.
update counters set value = value + 1 where name = 'domains_version'
