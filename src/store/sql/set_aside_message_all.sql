-- Every message that was set aside, over all accounts: to be looked at. Primary key.
select digest, bytes from set_aside_messages order by account_id, digest
