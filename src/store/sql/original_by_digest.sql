-- An original of a database created before migration 0014. Primary key.
select received_at, bytes from originals_by_digest where domain_id = $1 and digest = $2
