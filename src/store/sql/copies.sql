-- name: copy_arrivals
-- How many reports arrived, duplicates too. A scan.
select cast(coalesce(sum(arrivals), 0) as bigint) as arrivals from reports

-- name: copy_begin
-- Notes that a copy has begun, of a database in this state.
insert into copies (state) values ($1)

-- name: copy_clear_counters
-- Drops the counters of a new database, which come with the copy.
delete from counters

-- name: copy_counters
-- Every counter, but for that of commits, which says how often a database was written to and not what it has. A handful of
-- rows, by primary key.
select name, value from counters where name <> 'commits' order by name

-- name: copy_end
-- Notes that the copy is finished. At most one row.
delete from copies

-- name: copy_tokens
-- Random names, so that two databases are told apart. A scan of the unique index on rua_token.
select coalesce(min(rua_token), '') as first_token, coalesce(max(rua_token), '') as last_token from domains

-- name: copy_unfinished
-- The state of the database whose copy is not finished, if there is one. At most one row.
select state from copies
