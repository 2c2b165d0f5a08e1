-- The bytes of a message set aside, once per account. Primary key.
insert into set_aside_messages (account_id, digest, unpacked_len, bytes) values ($1, $2, $3, $4)
on conflict (account_id, digest) do nothing
