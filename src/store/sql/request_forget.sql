-- Lets the next one with this name run: the own run had no answer worth keeping. Primary key.
delete from idempotent_requests where key_id = $1 and scope = $2 and owner = $3 and status is null
