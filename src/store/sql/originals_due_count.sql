-- How many originals of a domain are from before an instant. Index originals_by_arrival.
select count(*) from originals where domain_id = $1 and received_at < $2
