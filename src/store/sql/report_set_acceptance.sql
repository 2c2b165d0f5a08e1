-- The owner has decided whether a report may count. Primary key.
update reports set acceptance = $3, history = $4 where domain_id = $1 and report_no = $2
