-- Ends the oldest sessions of a key, except the newest ones. Index sessions_by_key.
delete from sessions where key_id = $1 and session_hash not in (
    select session_hash from sessions where key_id = $1 order by created_at desc, session_hash limit $2)
