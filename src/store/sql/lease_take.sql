-- Takes a lease that is free or has run out, or renews one's own. Primary key.
insert into leases (name, holder, until_at) values ($1, $2, $3)
on conflict (name) do update set holder = excluded.holder, until_at = excluded.until_at
where leases.holder = excluded.holder or leases.until_at <= $4
