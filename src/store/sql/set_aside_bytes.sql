-- The bytes of a message set aside, as they are stored. Primary keys.
select set_aside_messages.unpacked_len, set_aside_messages.bytes
from set_aside join set_aside_messages
    on set_aside_messages.account_id = set_aside.account_id and set_aside_messages.digest = set_aside.digest
where set_aside.set_aside_id = $1
