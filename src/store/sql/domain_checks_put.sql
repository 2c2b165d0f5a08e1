-- Writes what was found of domains' records. Primary key.
insert into domain_checks (domain_id, checks) values ($1, $2)
on conflict (domain_id) do update set checks = excluded.checks
