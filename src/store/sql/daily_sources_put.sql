-- Writes parts of the packed sources of days. Primary key.
insert into daily_sources (domain_id, slot, sources) values ($1, $2, $3)
on conflict (domain_id, slot) do update set sources = excluded.sources
