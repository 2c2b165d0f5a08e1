-- name: reader_confirmed
-- When the owner of an address agreed. Primary key.
select confirmed_at from readers where account_id = $1 and address_hash = $2

-- name: reader_asked
-- Questions of an account on a UTC day. One range of the primary key.
select cast(coalesce(sum(asked), 0) as bigint) as asked from readers where account_id = $1 and asked_day = $2

-- name: reader_ask
-- Counts a question to an address on the day $3, if there were fewer than $4 on it. Primary key.
insert into readers (account_id, address_hash, asked_day, asked) values ($1, $2, $3, 1)
on conflict (account_id, address_hash) do update set asked_day = excluded.asked_day,
    asked = case when readers.asked_day = excluded.asked_day then readers.asked + 1 else 1 end
where readers.asked_day <> excluded.asked_day or readers.asked < $4

-- name: reader_confirm
-- The owner of an address agrees. Primary key.
update readers set confirmed_at = $3 where account_id = $1 and address_hash = $2 and confirmed_at is null

-- name: reader_leave
-- The owner of an address agrees no more. Primary key.
update readers set confirmed_at = null where account_id = $1 and address_hash = $2

-- name: reader_forget
-- Forgets those who never agreed and were not asked since a day. One range of the primary key.
delete from readers where account_id = $1 and confirmed_at is null and asked_day < $2
