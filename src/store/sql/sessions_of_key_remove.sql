-- Ends all sessions of a key. Index sessions_by_key.
delete from sessions where key_id = $1
