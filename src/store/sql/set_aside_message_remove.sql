-- Drops bytes that no row refers to any more. Primary key, index set_aside_by_message.
delete from set_aside_messages where account_id = $1 and digest = $2
    and not exists (select 1 from set_aside where set_aside.account_id = $1 and set_aside.digest = $2)
