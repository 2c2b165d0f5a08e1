-- Who has a lease. Primary key.
select holder, until_at, lasts from leases where name = $1
