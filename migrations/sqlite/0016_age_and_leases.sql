-- The instant, unix milliseconds, from which the age of a report's records is counted: the later of the end of its window
-- and of the arrival that brought the records. Null once retention has dropped them. The index that lists reports has it
-- instead of records_kept, so that retention finds what is due without reading rows.
alter table reports add column records_since integer;
update reports set records_since = max(min(end_at, received_at / 1000 + 31622400) * 1000, received_at) where records_kept = 1;
drop index reports_by_begin;
create index reports_by_begin on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key, records_since);
-- How long a lease lasts from when it was taken or renewed, milliseconds: one that ends later than that from now was taken
-- under a clock that was ahead.
alter table leases add column lasts integer not null default 40000;
