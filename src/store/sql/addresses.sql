-- name: address_by_key
-- What DNS has as the name of an address. Primary key.
select state, name, asked_at from addresses where address = $1

-- name: addresses_changed
-- The answers that came after those with a number. Index addresses_by_change. $2 is 0 to leave out those without a name.
select address, name from addresses where change_no > $1 and (name is not null or $2 = 1)

-- name: addresses_count
-- Rows of the table. Covering index addresses_by_change.
select count(*) as total from addresses where change_no >= 0

-- name: addresses_drop
-- Drops the answers that are oldest. Index addresses_by_change.
delete from addresses where address in (
    select address from addresses where change_no > 0 order by change_no limit $1)

-- name: addresses_due
-- The addresses to be asked about next. Index addresses_waiting, which SQLite searches only with a limit on the turn.
select address, state, name, asked_at, tries from addresses where turn is not null and turn >= 0 and ask_at <= $1
order by turn, ask_at limit $2

-- name: addresses_due_count
-- How many addresses are to be asked about now. Covering index addresses_waiting.
select count(*) as total from addresses where turn is not null and turn >= 0 and ask_at <= $1
