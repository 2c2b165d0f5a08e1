-- Whether a message is set aside already. Primary key.
select 1 from set_aside_messages where account_id = $1 and digest = $2
