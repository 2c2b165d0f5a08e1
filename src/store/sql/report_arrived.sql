-- A known report came again, perhaps better authenticated. Primary key.
update reports set arrivals = arrivals + $5, authenticated = $3, provenance = coalesce($4, provenance), acceptance = $6
where domain_id = $1 and report_no = $2
