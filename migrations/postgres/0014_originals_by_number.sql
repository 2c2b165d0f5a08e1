-- An original lies under the number of the first report that came in it: at the end of the domain's, where its digest lay
-- anywhere. What is there already stays under its digest until its time is over; so does
-- its index, originals_by_age.
alter table originals rename to originals_by_digest;
alter index originals_pkey rename to originals_by_digest_pkey;
create table originals (
    domain_id bigint not null,
    report_no bigint not null,
    received_at bigint not null,
    bytes bytea not null,
    primary key (domain_id, report_no)
);
alter table originals alter column bytes set storage external;
create index originals_by_arrival on originals (domain_id, received_at);
-- The report under whose number the original of this one lies. original_digest: in a database of before, its digest.
alter table reports add column original_no bigint;
