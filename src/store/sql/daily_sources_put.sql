-- Writes parts of the packed sources of days. Primary key.
insert into daily_sources (domain_id, day, part, sources) values ($1, $2, $3, $4)
on conflict (domain_id, day, part) do update set sources = excluded.sources
