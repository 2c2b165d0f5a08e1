-- Takes a request that is new, that is forgotten, or whose first run was given up with this body: one without an answer that
-- began too long ago, or in the future, under a clock that was ahead. Primary key.
insert into idempotent_requests (key_id, scope, body_hash, owner, started_at) values ($1, $2, $3, $4, $5)
on conflict (key_id, scope) do update set body_hash = excluded.body_hash, owner = excluded.owner,
    started_at = excluded.started_at, status = null, answer = null
where idempotent_requests.started_at <= $6
    or ((idempotent_requests.started_at <= $7 or idempotent_requests.started_at > $8)
        and idempotent_requests.status is null and idempotent_requests.body_hash = excluded.body_hash)
