-- Remembers how far a mailbox was read. Primary key.
insert into mailboxes (source, uid_validity, since_day, settled_uid) values ($1, $2, $3, $4)
on conflict (source) do update set uid_validity = excluded.uid_validity, since_day = excluded.since_day,
    settled_uid = excluded.settled_uid
