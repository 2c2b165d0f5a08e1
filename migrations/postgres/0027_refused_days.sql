-- Refused mail per account, UTC day and reason, for the owner of the account.
create table refused_days (
    account_id bigint not null,
    day bigint not null,
    reason text not null,
    messages bigint not null,
    bytes bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    primary key (account_id, day, reason)
);
create index refused_days_by_day on refused_days (day);
