-- What the web page needs.

-- Who is signed in, on every node: the SHA-256 of a session's token, and the key that it stands for.
create table sessions (
    session_hash blob not null primary key,
    key_id integer not null,
    created_at integer not null,
    until_at integer not null
) without rowid;
create index sessions_by_age on sessions (until_at);

-- A day's messages by who reported them (kind 0: facet is the name it gives itself) and by who signed them (kind 1: facet
-- is the d= of the signature, detail its s=). reports: those whose window begins on the day, of kind 0 only.
create table daily_facets (
    domain_id integer not null,
    kind integer not null,
    day integer not null,
    facet text not null,
    detail text not null,
    pass integer not null,
    fail integer not null,
    reports integer not null,
    primary key (domain_id, kind, day, facet, detail)
) without rowid;

-- Reports that were there before: their facets are counted when the database is opened next (store/facets.rs).
insert into counters (name, value) select 'facets_missing', count(*) from reports;
