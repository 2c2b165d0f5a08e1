-- Removes reports; their records go with record_remove. Primary key.
delete from reports where (domain_id, report_no) in (values ($1, $2))
