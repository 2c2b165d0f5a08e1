-- Gives up one's own lease. Primary key.
delete from leases where name = $1 and holder = $2
