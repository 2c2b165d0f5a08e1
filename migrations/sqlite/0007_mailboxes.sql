-- What is known of the sources that are read again and again (mailboxes, Maildirs, folders): how far each was read, and
-- what of it is not settled, or settled and still there. Bounded by what the source itself holds.

-- A mailbox over IMAP: every message with a UID up to settled_uid is settled, save for those with a row below.
create table mailboxes (
    source text not null primary key,
    uid_validity integer not null,
    since_day integer not null,
    settled_uid integer not null
) without rowid;

-- One message or file. item: a UID, or a file's name without its folder and flags.
-- state: 0 to be read again, 1 settled and left alone, 2 committed and to go to processed, 3 to failed.
create table mailbox_items (
    source text not null,
    item text not null,
    state integer not null,
    attempts integer not null,
    primary key (source, item)
) without rowid;
