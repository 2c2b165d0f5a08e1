-- As original_all, of those that an earlier version stored. Primary key.
select digest, bytes from originals_by_digest where domain_id = $1 order by digest
