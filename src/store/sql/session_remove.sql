-- Ends a session. Primary key.
delete from sessions where session_hash = $1
