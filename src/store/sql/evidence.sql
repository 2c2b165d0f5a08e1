-- name: evidence_numbers
-- Some evidence of a domain, from a number on. Primary key.
select evidence_id from evidence where domain_id = $1 and evidence_id > $2 order by evidence_id limit $3
