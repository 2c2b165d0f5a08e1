-- What was set aside on a day. Primary key.
select messages, bytes from set_aside_days where day = $1 and account_id = $2 and vouched = $3
