-- How a message set aside came. Primary key.
select provenance from set_aside where set_aside_id = $1
