-- name: feed_failing_list
-- The feeds whose failure was told. A small table.
select account_id, name, failing_since from failing_feeds order by account_id, name

-- name: feed_fails
-- Notes that the failure of a feed is told. Primary key.
insert into failing_feeds (account_id, name, failing_since) values ($1, $2, $3) on conflict (account_id, name) do nothing

-- name: feed_reads
-- Notes that a feed is read again. Primary key.
delete from failing_feeds where account_id = $1 and name = $2
