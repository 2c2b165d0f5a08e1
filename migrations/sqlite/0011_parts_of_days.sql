-- A day's sources in up to four parts, each of which may hold eight times as many addresses as the one before: a report
-- is merged into the first, and a part that overflows into the next (store/rollup.rs). slot: four times the day, and the
-- part. What is there was one part.
create table parts_of_days (
    domain_id integer not null,
    slot integer not null,
    sources blob not null,
    primary key (domain_id, slot)
);
insert into parts_of_days (domain_id, slot, sources) select domain_id, day * 4, sources from daily_sources;
drop table daily_sources;
alter table parts_of_days rename to daily_sources;
