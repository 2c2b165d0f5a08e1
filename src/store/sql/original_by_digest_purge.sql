-- As original_purge, in a database of before. Primary key.
delete from originals_by_digest where domain_id = $1 and digest = $2
