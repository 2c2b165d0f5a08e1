-- A day's sources in up to four parts, each of which may hold eight times as many addresses as the one before: a report
-- is merged into the first, and a part that overflows into the next (store/commit/rollups.rs). What is there was one part.
create table parts_of_days (
    domain_id integer not null,
    day integer not null,
    part integer not null default 0,
    sources blob not null,
    primary key (domain_id, day, part)
);
insert into parts_of_days (domain_id, day, part, sources) select domain_id, day, 0, sources from daily_sources;
drop table daily_sources;
alter table parts_of_days rename to daily_sources;
