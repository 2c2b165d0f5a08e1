-- Drops an original. Primary key.
delete from originals where domain_id = $1 and digest = $2
