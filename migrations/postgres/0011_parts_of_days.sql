-- A day's sources in up to four parts, each of which may hold eight times as many addresses as the one before: a report
-- is merged into the first, and a part that overflows into the next (store/rollup.rs). slot: four times the day, and the
-- part. What is there was one part.
alter table daily_sources drop constraint daily_sources_pkey;
alter table daily_sources add column slot bigint;
update daily_sources set slot = day * 4;
alter table daily_sources drop column day;
alter table daily_sources add constraint daily_sources_pkey primary key (domain_id, slot);
