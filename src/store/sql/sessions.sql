-- name: session_add
-- Keeps a session. Primary key.
insert into sessions (session_hash, key_id, created_at, until_at) values ($1, $2, $3, $4)

-- name: session_end
-- Ends a session of a key of the account. Primary keys.
delete from sessions where session_hash = $1 and key_id in (select key_id from api_keys where account_id = $2)

-- name: session_key
-- The key of a session that has not run out, and that did not begin later than an instant. Primary keys.
select api_keys.key_id, account_id, name, permission, domain_id, prefix, hash, api_keys.created_at, last_used_at,
    revoked_at
from sessions join api_keys on api_keys.key_id = sessions.key_id
where session_hash = $1 and until_at > $2 and sessions.created_at <= $3

-- name: session_remove
-- Ends a session. Primary key.
delete from sessions where session_hash = $1

-- name: sessions_of_account
-- The sessions of an account's keys that have not run out, newest first. Index api_keys_by_account, then sessions_by_key.
select session_hash, sessions.key_id, sessions.created_at, until_at
from api_keys join sessions on sessions.key_id = api_keys.key_id
where account_id = $1 and revoked_at is null and until_at > $2
order by sessions.created_at desc, session_hash limit $3

-- name: sessions_of_key_remove
-- Ends all sessions of a key. Index sessions_by_key.
delete from sessions where key_id = $1

-- name: sessions_of_key_trim
-- Ends the oldest sessions of a key, except the newest ones. Index sessions_by_key.
delete from sessions where key_id = $1 and session_hash not in (
    select session_hash from sessions where key_id = $1 order by created_at desc, session_hash limit $2)

-- name: sessions_purge
-- Forgets the sessions that have run out, and those that end later than any can. Reads the whole table, which has few rows:
-- those who signed in within a day.
delete from sessions where until_at <= $1 or until_at > $2
