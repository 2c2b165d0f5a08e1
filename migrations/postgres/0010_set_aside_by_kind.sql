-- An account asks for its messages of one kind, newest first, and how many there are.
create index set_aside_by_kind on set_aside (account_id, kind, set_aside_id);
