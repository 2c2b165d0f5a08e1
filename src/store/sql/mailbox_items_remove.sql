-- A mailbox was made anew: nothing that was known of its messages holds. Primary key.
delete from mailbox_items where source = $1
