-- What the web page needs.

-- Who is signed in, on every node: the SHA-256 of a session's token, and the key that it stands for.
create table sessions (
    session_hash bytea not null primary key,
    key_id bigint not null,
    created_at bigint not null,
    until_at bigint not null
);
create index sessions_by_age on sessions (until_at);

-- A day's messages by who reported them (kind 0: facet is the name it gives itself) and by who signed them (kind 1: facet
-- is the d= of the signature, detail its s=). reports: those whose window begins on the day, of kind 0 only.
create table daily_facets (
    domain_id bigint not null,
    kind bigint not null,
    day bigint not null,
    facet text collate "C" not null,
    detail text collate "C" not null,
    pass bigint not null,
    fail bigint not null,
    reports bigint not null,
    primary key (domain_id, kind, day, facet, detail)
);

-- Reports that were there before: their facets are counted when the database is opened next (store/facets.rs).
insert into counters (name, value) select 'facets_missing', count(*) from reports;
