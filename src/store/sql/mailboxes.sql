-- name: mailbox_by_source
-- How far a mailbox was read. Primary key.
select uid_validity, since_day, settled_uid from mailboxes where source = $1

-- name: mailbox_item_remove
-- A message of a source has gone. Primary key.
delete from mailbox_items where source = $1 and item = $2

-- name: mailbox_items
-- What of a source is not settled, or is settled and still there, in the order of its names. Primary key.
select item, state, attempts from mailbox_items where source = $1 order by item

-- name: mailbox_items_remove
-- A mailbox was created again: nothing that was known of its messages holds. Primary key.
delete from mailbox_items where source = $1

-- name: mailbox_put
-- Remembers how far a mailbox was read. Primary key.
insert into mailboxes (source, uid_validity, since_day, settled_uid) values ($1, $2, $3, $4)
on conflict (source) do update set uid_validity = excluded.uid_validity, since_day = excluded.since_day,
    settled_uid = excluded.settled_uid
