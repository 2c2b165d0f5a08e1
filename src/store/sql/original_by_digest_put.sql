-- An original of a database created before migration 0014, if the domain has it not. Primary key.
insert into originals_by_digest (domain_id, digest, received_at, bytes) values ($1, $2, $3, $4)
on conflict (domain_id, digest) do nothing
