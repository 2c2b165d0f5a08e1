-- Which sessions are a key's: they are counted when one is added.
create index sessions_by_key on sessions (key_id, created_at);

-- An account's messages set aside, of all kinds, newest first: a page begins where the last one ended.
create index set_aside_by_account on set_aside (account_id, set_aside_id);
