-- Forgets slices. Primary key.
delete from slices where account_id = $1 and identity_key = $2 and domain_id = $3 and report_no = $4
