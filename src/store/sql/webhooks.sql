-- name: webhook_add
-- A new webhook. Its number is from the counter.
insert into webhooks (webhook_id, account_id, url, events, active, secret, failures, created_at)
values ($1, $2, $3, $4, 1, $5, 0, $6)

-- name: webhook_by_id
-- A webhook of the account. Primary key.
select webhook_id, account_id, url, events, active, secret, previous_secret, previous_until, rotated_at, failures,
    failing_since, disabled_at, disabled_reason, last_at, last_status, created_at
from webhooks where webhook_id = $2 and account_id = $1

-- name: webhook_change
-- Another URL, and other kinds of events. Primary key.
update webhooks set url = $3, events = $4 where webhook_id = $2 and account_id = $1

-- name: webhook_switch_on
-- Switches a webhook on, without failures. Primary key.
update webhooks set active = 1, failures = 0, failing_since = null, disabled_at = null, disabled_reason = null
where webhook_id = $2 and account_id = $1

-- name: webhook_switch_off
-- Switches a webhook off as its owner wants. Primary key.
update webhooks set active = 0 where webhook_id = $2 and account_id = $1

-- name: webhook_remove
-- Removes a webhook of the account. Primary key; deliveries_remove removes its deliveries.
delete from webhooks where webhook_id = $2 and account_id = $1

-- name: webhook_rotate
-- Another secret; the old one may sign for a while. Primary key.
update webhooks set secret = $3, previous_secret = $4, previous_until = $5, rotated_at = $6
where webhook_id = $2 and account_id = $1

-- name: webhook_reseal
-- The same secrets, encrypted with another key. Primary key.
update webhooks set secret = $3, previous_secret = $4 where webhook_id = $1 and secret = $2

-- name: webhook_attempted
-- Attempts were made: $2 is 1 if one of them was accepted, $3 is how many failed after that, the first of them at $4. The last
-- was at $5, null if nothing is to be remembered, with the status $6. Gives whether the webhook is on, how many failed in a
-- row, and since when. Primary key.
update webhooks set failures = case when $2 = 1 then 0 else failures end + $3,
    failing_since = case when $2 = 1 then $4 else coalesce(failing_since, $4) end,
    last_at = coalesce($5, last_at), last_status = case when $5 > 0 then $6 else last_status end
where webhook_id = $1
returning active, failures, failing_since

-- name: webhook_disable
-- Switches a webhook off, with the reason. Primary key.
update webhooks set active = 0, disabled_at = $2, disabled_reason = $3 where webhook_id = $1 and active = 1

-- name: webhooks_of_account
-- The webhooks of an account, newest first. Index webhooks_by_account.
select webhook_id, account_id, url, events, active, secret, previous_secret, previous_until, rotated_at, failures,
    failing_since, disabled_at, disabled_reason, last_at, last_status, created_at
from webhooks where account_id = $1 order by webhook_id desc

-- name: webhooks_wanting
-- The webhooks of an account that are on, and what each wants. Index webhooks_by_account.
select webhook_id, events from webhooks where account_id = $1 and active = 1

-- name: webhooks_due
-- Webhooks that are on and have a due delivery, with the time since when, the longest waiting first. All webhooks, and for each
-- the first entry of index webhook_deliveries_due.
select webhook_id, account_id, url, events, active, secret, previous_secret, previous_until, rotated_at, failures,
    failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, due_at
from (
    select webhook_id, account_id, url, events, active, secret, previous_secret, previous_until, rotated_at, failures,
        failing_since, disabled_at, disabled_reason, last_at, last_status, created_at, (
        select min(next_at) from webhook_deliveries
        where webhook_deliveries.webhook_id = webhooks.webhook_id and next_at is not null) as due_at
    from webhooks where active = 1) as waiting
where due_at <= $1 order by due_at, webhook_id

-- name: webhook_is_on
-- Whether a webhook is on. Primary key.
select active from webhooks where webhook_id = $1

-- name: webhooks_changed
-- Tells every writer that its memory of which webhooks there are is old. Primary key.
update counters set value = value + 1 where name = 'webhooks_version'

-- name: webhooks_sealed
-- Encrypted secrets of webhooks after a number. Primary key.
select webhook_id, account_id, secret, previous_secret from webhooks where webhook_id > $1 order by webhook_id limit $2
