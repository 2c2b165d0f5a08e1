-- A message of a source has gone. Primary key.
delete from mailbox_items where source = $1 and item = $2
