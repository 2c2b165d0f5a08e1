-- As original_purge, in a database created before migration 0014. Primary key.
delete from originals_by_digest where domain_id = $1 and digest = $2
