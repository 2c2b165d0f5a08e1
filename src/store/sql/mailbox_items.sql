-- What of a source is not settled, or is settled and still there, in the order of its names. Primary key.
select item, state, attempts from mailbox_items where source = $1 order by item
