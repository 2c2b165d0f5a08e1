-- Makes the checks due that are due later than any check can be: they were put off under a clock that was ahead. Each
-- account is looked up in the index on (account_id, next_check_at).
update domains set next_check_at = $1
where account_id in (select account_id from accounts) and next_check_at > $2
