-- An original of a database of before. Primary key.
select received_at, bytes from originals_by_digest where domain_id = $1 and digest = $2
