-- Requests that name themselves by an Idempotency-Key, for 24 hours. scope: SHA-256 of the route's path and that name.
-- owner: who runs it, until status says that it is answered. answer: sealed with what the client showed (keys.rs), which
-- is not in the database.
create table idempotent_requests (
    key_id bigint not null,
    scope bytea not null,
    body_hash bytea not null,
    owner bytea not null,
    started_at bigint not null,
    status bigint,
    answer bytea,
    primary key (key_id, scope)
);
create index idempotent_requests_by_age on idempotent_requests (started_at);
