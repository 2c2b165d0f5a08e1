-- An original lies under the number of the first report that came in it: at the end of the domain's, where its digest lay
-- anywhere. What is there already stays under its digest until its time is over; so does
-- its index, originals_by_age.
alter table originals rename to originals_by_digest;
create table originals (
    domain_id integer not null,
    report_no integer not null,
    received_at integer not null,
    bytes blob not null,
    primary key (domain_id, report_no)
);
create index originals_by_arrival on originals (domain_id, received_at);
-- The report under whose number the original of this one lies. original_digest: in a database of before, its digest.
alter table reports add column original_no integer;
