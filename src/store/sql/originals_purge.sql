-- Drops a domain's originals from before an instant. Index originals_by_age.
delete from originals where domain_id = $1 and received_at < $2
