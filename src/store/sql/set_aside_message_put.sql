-- The bytes of a message set aside, once per account. Primary key.
insert into set_aside_messages (account_id, digest, bytes) values ($1, $2, $3)
on conflict (account_id, digest) do nothing
