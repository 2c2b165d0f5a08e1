-- The whole text of a report that was cut off came, and says no more. Primary key.
update reports set partial = 0 where domain_id = $1 and report_no = $2
