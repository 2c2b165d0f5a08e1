-- A message was taken after all. Primary key.
delete from set_aside where set_aside_id = $1
