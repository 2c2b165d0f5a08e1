-- Evidence whose records are gone is dropped in two steps: it is condemned, and dropped if no report has needed it since.
alter table evidence add column condemned integer not null default 0;
-- 1: the domain may have evidence without records; 2: it is being looked at. Earlier versions kept all of it.
alter table domains add column evidence_due integer not null default 0;
update domains set evidence_due = 1;

-- How much was set aside on a UTC day of what strangers sent. vouched: 1 for mail that passed DMARC.
create table set_aside_days (
    day integer not null,
    account_id integer not null,
    vouched integer not null,
    messages integer not null,
    bytes integer not null,
    primary key (day, account_id, vouched)
) without rowid;
