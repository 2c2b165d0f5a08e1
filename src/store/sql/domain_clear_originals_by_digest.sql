-- Everything that a domain has in this table: one range of its primary key.
delete from originals_by_digest where domain_id = $1
