-- More is set aside on a day. Primary key.
insert into set_aside_days (day, account_id, vouched, messages, bytes) values ($1, $2, $3, $4, $5)
on conflict (day, account_id, vouched) do update set messages = set_aside_days.messages + excluded.messages,
    bytes = set_aside_days.bytes + excluded.bytes
