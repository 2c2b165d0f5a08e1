-- The records of a report lie packed, up to 1,024 a row (store/records.rs). Those that are there already are packed when
-- the database is opened next.
alter table records rename to record_rows;
create table records (
    domain_id integer not null,
    report_no integer not null,
    first_record integer not null,
    content blob not null,
    primary key (domain_id, report_no, first_record)
);
