-- A request that was begun, and its answer if it has one. Primary key.
select body_hash, status, answer from idempotent_requests where key_id = $1 and scope = $2
