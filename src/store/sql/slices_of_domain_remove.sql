-- Forgets the slices that a domain has: an account has few. Primary key, its first column.
delete from slices where account_id = $1 and domain_id = $2
