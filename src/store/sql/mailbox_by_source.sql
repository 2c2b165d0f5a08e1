-- How far a mailbox was read. Primary key.
select uid_validity, since_day, settled_uid from mailboxes where source = $1
