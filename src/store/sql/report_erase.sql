-- Removes one report; its records go with records_purge. Primary key.
delete from reports where domain_id = $1 and report_no = $2
