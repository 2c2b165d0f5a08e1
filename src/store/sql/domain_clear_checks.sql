-- What was found of a domain's records. Primary key.
delete from domain_checks where domain_id = $1
