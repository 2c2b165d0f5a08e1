-- Removes the row; what hangs on it goes with the statements domain_clear_*. Primary key.
delete from domains where account_id = $1 and domain_id = $2
