-- name: request_begin
-- Takes a request that is new, that is forgotten, or whose first run was given up with this body: one without an answer that
-- began too long ago, or in the future, under a clock that was ahead. Primary key.
insert into idempotent_requests (key_id, scope, body_hash, owner, started_at) values ($1, $2, $3, $4, $5)
on conflict (key_id, scope) do update set body_hash = excluded.body_hash, owner = excluded.owner,
    started_at = excluded.started_at, status = null, answer = null
where idempotent_requests.started_at <= $6
    or ((idempotent_requests.started_at <= $7 or idempotent_requests.started_at > $8)
        and idempotent_requests.status is null and idempotent_requests.body_hash = excluded.body_hash)

-- name: request_by_scope
-- A request that was begun, and its answer if it has one. Primary key.
select body_hash, status, answer from idempotent_requests where key_id = $1 and scope = $2

-- name: request_finish
-- Keeps the answer of the request that is one's own. Primary key.
update idempotent_requests set status = $4, answer = $5
where key_id = $1 and scope = $2 and owner = $3 and status is null

-- name: request_forget
-- Lets the next one with this name run: the own run had no answer worth keeping. Primary key.
delete from idempotent_requests where key_id = $1 and scope = $2 and owner = $3 and status is null

-- name: requests_drop_oldest
-- Forgets the oldest answered requests of an account, up to a number. Primary key, for each of its keys; sorted.
delete from idempotent_requests where (key_id, scope) in (
    select key_id, scope from idempotent_requests
    where key_id in (select key_id from api_keys where account_id = $1) and status is not null
    order by started_at limit $2)

-- name: requests_kept
-- How many requests of an account are remembered, and the bytes of their answers. Primary key, for each of its keys.
select count(*) as total, coalesce(sum(coalesce(length(answer), 0)), 0) as bytes from idempotent_requests
where key_id in (select key_id from api_keys where account_id = $1)

-- name: requests_purge
-- Forgets the oldest requests from before an instant, a number at once. Index idempotent_requests_by_age.
delete from idempotent_requests where (key_id, scope) in (
    select key_id, scope from idempotent_requests where started_at <= $1 order by started_at limit $2)

-- name: requests_purge_ahead
-- Forgets the requests that began after an instant of the future, a number at once. Index idempotent_requests_by_age.
delete from idempotent_requests where (key_id, scope) in (
    select key_id, scope from idempotent_requests where started_at > $1 order by started_at desc limit $2)
