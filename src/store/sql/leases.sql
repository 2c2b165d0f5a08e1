-- name: lease_by_name
-- Who has a lease. Primary key.
select holder, until_at, lasts from leases where name = $1

-- name: lease_release
-- Gives up one's own lease. Primary key.
delete from leases where name = $1 and holder = $2

-- name: lease_take
-- Takes a lease that is free, that has run out or that cannot be genuine, or renews one's own. Primary key. A lease that ends
-- later than now and its own length was taken under a clock that was ahead; a quarter of its length is allowed, because
-- nodes' clocks differ.
insert into leases (name, holder, until_at, lasts) values ($1, $2, $3, $5)
on conflict (name) do update set holder = excluded.holder, until_at = excluded.until_at, lasts = excluded.lasts
where leases.holder = excluded.holder or leases.until_at <= $4
    or leases.until_at > $4 + leases.lasts + leases.lasts / 4
