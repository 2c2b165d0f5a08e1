-- A mailbox was created again: nothing that was known of its messages holds. Primary key.
delete from mailbox_items where source = $1
