-- As originals_due_count, in a database created before migration 0014. Index originals_by_age.
select count(*) from originals_by_digest where domain_id = $1 and received_at < $2
