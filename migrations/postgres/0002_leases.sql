-- Which node does a job that only one may do at a time, and until when: unix milliseconds.
create table leases (
    name text collate "C" not null primary key,
    holder text collate "C" not null,
    until_at bigint not null
);
