-- The number of the last transaction that wrote, for the mark beside the file (store/mark.rs).
insert into counters (name, value) values ('commits', 0), ('recheck', 1);

-- acceptance: 3 is held, the day would have more addresses than the limit; 4 discounted and 5 accepted by the owner.
update reports set acceptance = acceptance + 1 where acceptance >= 3;

-- Mails whose sender could not be found out, and whose reports are held for it: they are checked again (app/rechecks.rs).
-- provenance: what was found out so far, with the envelope. The bytes are kept until the check is over.
create table rechecks (
    recheck_id integer primary key,
    account_id integer not null,
    domain_id integer,
    digest blob not null,
    provenance text not null,
    origin text not null,
    received_at integer not null,
    due_at integer not null,
    tries integer not null,
    bytes blob not null,
    unique (account_id, digest)
);
create index rechecks_by_due on rechecks (due_at);
