-- Which node does a job that only one may do at a time, and until when: unix milliseconds.
create table leases (
    name text not null primary key,
    holder text not null,
    until_at integer not null
) without rowid;
