-- The records of a report lie packed, up to 1,024 a row (store/records.rs). Those that are there already are packed when
-- the database is opened next.
alter table records rename to record_rows;
alter index records_pkey rename to record_rows_pkey;
create table records (
    domain_id bigint not null,
    report_no bigint not null,
    first_record bigint not null,
    content bytea not null,
    primary key (domain_id, report_no, first_record)
);
alter table records alter column content set storage external;
