-- A known report came again, perhaps better authenticated. Primary key.
update reports set arrivals = arrivals + 1, authenticated = $3 where domain_id = $1 and report_no = $2
