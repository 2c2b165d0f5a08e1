-- A domain's oldest originals from before an instant. Index originals_by_arrival.
select report_no from originals where domain_id = $1 and received_at < $2 order by received_at limit $3
