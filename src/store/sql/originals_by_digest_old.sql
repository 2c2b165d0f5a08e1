-- As originals_old, in a database created before migration 0014. Index originals_by_age.
select digest from originals_by_digest where domain_id = $1 and received_at < $2 order by received_at limit $3
