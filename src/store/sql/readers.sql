-- name: reader_confirmed
-- When the owner of an address agreed. Primary key.
select confirmed_at from readers where account_id = $1 and address_hash = $2

-- name: reader_asked
-- Questions of an account on a UTC day. One range of the primary key.
select cast(coalesce(sum(asked), 0) as bigint) as asked from readers where account_id = $1 and asked_day = $2

-- name: reader_ask
-- Counts a question to an address on the day $3, if there were fewer than $4 without an answer, or the first of them was before the
-- day $5. Primary key.
insert into readers (account_id, address_hash, asked_day, asked, unanswered, unanswered_since) values ($1, $2, $3, 1, 1, $3)
on conflict (account_id, address_hash) do update set asked_day = excluded.asked_day,
    asked = case when readers.asked_day = excluded.asked_day then readers.asked + 1 else 1 end,
    unanswered = case when readers.unanswered_since < $5 then 1 else readers.unanswered + 1 end,
    unanswered_since = case when readers.unanswered_since < $5 or readers.unanswered = 0 then excluded.unanswered_since
        else readers.unanswered_since end
where readers.unanswered_since < $5 or readers.unanswered < $4

-- name: reader_unask
-- Takes a question back that was counted on the day $3 and not sent. Primary key.
update readers set asked = asked - 1, unanswered = unanswered - 1
where account_id = $1 and address_hash = $2 and asked_day = $3 and asked > 0 and unanswered > 0

-- name: reader_confirm
-- The owner of an address agrees. Primary key.
update readers set confirmed_at = $3, unanswered = 0 where account_id = $1 and address_hash = $2 and confirmed_at is null

-- name: reader_leave
-- The owner of an address agrees no more on the day $3, which counts as $4 questions without an answer. Primary key.
update readers set confirmed_at = null, unanswered = $4, unanswered_since = $3
where account_id = $1 and address_hash = $2 and confirmed_at is not null

-- name: reader_refuse
-- The owner of an address does not want to be asked before the day $4, which counts as $5 questions without an answer. Primary key.
insert into readers (account_id, address_hash, asked_day, asked, unanswered, unanswered_since) values ($1, $2, $3, 0, $5, $4)
on conflict (account_id, address_hash) do update set confirmed_at = null, unanswered = excluded.unanswered,
    unanswered_since = excluded.unanswered_since

-- name: reader_forget
-- Forgets those who never agreed and were not asked since a day. One range of the primary key.
delete from readers where account_id = $1 and confirmed_at is null and asked_day < $2 and unanswered_since < $2
