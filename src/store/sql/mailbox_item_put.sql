-- Remembers a message of a source. Primary key.
insert into mailbox_items (source, item, state, attempts) values ($1, $2, $3, $4)
on conflict (source, item) do update set state = excluded.state, attempts = excluded.attempts
