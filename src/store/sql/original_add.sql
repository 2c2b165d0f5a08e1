-- The bytes as received, once a domain and message. Primary key.
insert into originals (domain_id, digest, received_at, bytes) values ($1, $2, $3, $4)
on conflict (domain_id, digest) do nothing
