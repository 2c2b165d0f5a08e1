-- Every message set aside, as it is stored, over all accounts, to be verified. Primary key.
select digest, unpacked_len, bytes from set_aside_messages order by account_id, digest
