-- What is known of the sources that are read again and again (mailboxes, Maildirs, folders): how far each was read, and
-- what of it is not settled, or settled and still there. Bounded by what the source itself holds.

-- A mailbox over IMAP: every message with a UID up to settled_uid is settled, save for those with a row below.
create table mailboxes (
    source text collate "C" not null primary key,
    uid_validity bigint not null,
    since_day bigint not null,
    settled_uid bigint not null
);

-- One message or file. item: a UID, or a file's name without its folder and flags.
-- state: 0 to be read again, 1 settled and left alone, 2 committed and to go to processed, 3 to failed.
create table mailbox_items (
    source text collate "C" not null,
    item text collate "C" not null,
    state bigint not null,
    attempts bigint not null,
    primary key (source, item)
);
