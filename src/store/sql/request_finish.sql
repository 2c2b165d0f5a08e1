-- Keeps the answer of the request that is one's own. Primary key.
update idempotent_requests set status = $4, answer = $5
where key_id = $1 and scope = $2 and owner = $3 and status is null
