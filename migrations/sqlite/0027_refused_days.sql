-- Refused mail per account, UTC day and reason, for the owner of the account.
create table refused_days (
    account_id integer not null,
    day integer not null,
    reason text not null,
    messages integer not null,
    bytes integer not null,
    first_at integer not null,
    last_at integer not null,
    primary key (account_id, day, reason)
) without rowid;
create index refused_days_by_day on refused_days (day);
