-- A day's sources in up to four parts, each of which may hold eight times as many addresses as the one before: a report
-- is merged into the first, and a part that overflows into the next (store/commit/rollups.rs). What is there was one part.
alter table daily_sources drop constraint daily_sources_pkey;
alter table daily_sources add column part bigint not null default 0;
alter table daily_sources add primary key (domain_id, day, part);
