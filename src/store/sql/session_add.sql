-- Keeps a session. Primary key.
insert into sessions (session_hash, key_id, created_at, until_at) values ($1, $2, $3, $4)
