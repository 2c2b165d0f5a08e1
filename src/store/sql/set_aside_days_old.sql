-- Forgets what was set aside on days that are over. Primary key.
delete from set_aside_days where day < $1
