-- name: counter_put
-- Sets a counter. Primary key.
insert into counters (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value

-- name: counter_read
-- A counter's value. Primary key.
select value from counters where name = $1

-- name: counter_versions
-- The counters that grow when memories become old. Primary key.
select name, value from counters where name in ('domains_version', 'targets_version')

-- name: counter_take
-- Takes a block of numbers; gives the first number after it. Primary key.
update counters set value = value + $2 where name = $1 returning value
