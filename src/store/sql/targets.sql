-- name: target_add
-- A new target. Its number is from the counter.
insert into targets (target_id, account_id, kind, name, domain_id, url, events, secret, failures, created_at, updated_at,
    period, scope, told_day, active, disabled_at, disabled_reason, waits_for_reader)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $9, $10, $11, $12, $13, $14, $15, $16)

-- name: target_by_id
-- A target of the account. Primary key.
select target_id, account_id, kind, name, domain_id, url, events, active, secret, previous_secret, previous_until, rotated_at,
    failures, failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, updated_at, period, scope, told_day
from targets where target_id = $2 and account_id = $1

-- name: target_change
-- What its owner changes of a target. Primary key.
update targets set name = $3, domain_id = $4, url = $5, events = $6, secret = $7, updated_at = $8, period = $9, scope = $10,
    told_day = $11
where target_id = $2 and account_id = $1

-- name: target_switch_on
-- Switches a target on, without failures. Primary key.
update targets set active = 1, failures = 0, failing_since = null, disabled_at = null, disabled_reason = null,
    waits_for_reader = 0
where target_id = $2 and account_id = $1

-- name: target_switch_off
-- Switches a target off as its owner wants. Primary key.
update targets set active = 0 where target_id = $2 and account_id = $1

-- name: target_remove
-- Removes a target of the account. Primary key; deliveries_remove removes its deliveries.
delete from targets where target_id = $2 and account_id = $1

-- name: target_rotate
-- Another secret; the old one may sign for a while. Primary key.
update targets set secret = $3, previous_secret = $4, previous_until = $5, rotated_at = $6, updated_at = $6
where target_id = $2 and account_id = $1

-- name: target_reseal
-- The same secrets, encrypted with another key. Primary key.
update targets set secret = $3, previous_secret = $4 where target_id = $1 and secret = $2

-- name: target_attempted
-- Attempts were made: $2 is 1 if one of them was accepted, $3 is how many failed after that, the first of them at $4. The last
-- was at $5, null if nothing is to be remembered, with the status $6. Gives whether the target is on, how many failed in a
-- row, and since when. Primary key.
update targets set failures = case when $2 = 1 then 0 else failures end + $3,
    failing_since = case when $2 = 1 then $4 else coalesce(failing_since, $4) end,
    last_at = coalesce($5, last_at), last_status = case when $5 > 0 then $6 else last_status end
where target_id = $1
returning active, failures, failing_since

-- name: target_disable
-- Switches a target off, with the reason. Primary key.
update targets set active = 0, disabled_at = $2, disabled_reason = $3 where target_id = $1 and active = 1

-- name: target_wait
-- Switches a target off, whether it was on or not, until its reader agrees. Primary key.
update targets set active = 0, disabled_at = $3, disabled_reason = $4, waits_for_reader = 1
where target_id = $2 and account_id = $1

-- name: target_wait_why
-- Says otherwise why a target waits, if it does. Primary key.
update targets set disabled_reason = $3 where target_id = $2 and account_id = $1 and waits_for_reader = 1

-- name: target_wait_no_more
-- A target stays off whatever its reader does. Primary key.
update targets set waits_for_reader = 0 where target_id = $2 and account_id = $1

-- name: target_read
-- Switches on a target that waits for its reader. Primary key.
update targets set active = 1, failures = 0, failing_since = null, disabled_at = null, disabled_reason = null,
    waits_for_reader = 0
where target_id = $2 and account_id = $1 and waits_for_reader = 1

-- name: target_is_on
-- Whether a target is on. Primary key.
select active from targets where target_id = $1

-- name: targets_of_kind
-- The targets of a kind that are on, of all accounts. A small table.
select target_id, account_id, kind, name, domain_id, url, events, active, secret, previous_secret, previous_until, rotated_at,
    failures, failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, updated_at, period, scope, told_day
from targets where kind = $1 and active = 1 order by target_id

-- name: target_told
-- A digest is about to be told of the period that begins on $2, unless it was. Primary key.
update targets set told_day = $2 where target_id = $1 and active = 1 and told_day < $2

-- name: targets_of_account
-- The targets of an account, newest first. Index targets_by_account.
select target_id, account_id, kind, name, domain_id, url, events, active, secret, previous_secret, previous_until, rotated_at,
    failures, failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, updated_at, period, scope, told_day
from targets where account_id = $1 order by target_id desc

-- name: targets_wanting
-- The targets of an account that are on, and what each wants. Index targets_by_account.
select target_id, domain_id, events from targets where account_id = $1 and active = 1

-- name: targets_due
-- Targets that are on and have a due delivery, with the time since when, the longest waiting first. All targets, and for each
-- the first entry of index deliveries_due.
select target_id, account_id, kind, name, domain_id, url, events, active, secret, previous_secret, previous_until, rotated_at,
    failures, failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, updated_at, period, scope, told_day,
    due_at
from (
    select target_id, account_id, kind, name, domain_id, url, events, active, secret, previous_secret, previous_until,
        rotated_at, failures, failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, updated_at, period,
        scope, told_day, (
        select min(next_at) from deliveries
        where deliveries.target_id = targets.target_id and next_at is not null) as due_at
    from targets where active = 1) as waiting
where due_at <= $1 order by due_at, target_id

-- name: targets_changed
-- Tells every writer that its memory of which targets there are is old. Primary key.
update counters set value = value + 1 where name = 'targets_version'

-- name: targets_sealed
-- Encrypted secrets of targets after a number. Primary key.
select target_id, account_id, secret, previous_secret from targets where target_id > $1 order by target_id limit $2
