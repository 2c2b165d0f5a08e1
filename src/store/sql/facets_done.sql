-- No facets of older reports are missing any more. Primary key.
update counters set value = 0 where name = 'facets_missing'
