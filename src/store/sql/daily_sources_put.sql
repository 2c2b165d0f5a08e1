-- Writes the packed sources of days. Primary key.
insert into daily_sources (domain_id, day, sources) values ($1, $2, $3)
on conflict (domain_id, day) do update set sources = excluded.sources
