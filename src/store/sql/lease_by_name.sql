-- Who has a lease. Primary key.
select holder, until_at from leases where name = $1
