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
-- Other settings, and whether it is on. Primary key.
update webhooks set url = $3, events = $4, active = $5, failures = $6, failing_since = $7, disabled_at = $8, disabled_reason = $9
where webhook_id = $2 and account_id = $1

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

-- name: webhook_succeeded
-- An attempt was accepted. Primary key.
update webhooks set failures = 0, failing_since = null, last_at = $2, last_status = $3 where webhook_id = $1

-- name: webhook_failed
-- An attempt failed; gives how many did in a row, and since when. Primary key.
update webhooks set failures = failures + 1, failing_since = coalesce(failing_since, $2), last_at = $2, last_status = $3
where webhook_id = $1
returning failures, failing_since

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
-- Webhooks with a due delivery. All webhooks; index webhook_deliveries_due for each.
select webhook_id, account_id, url, events, active, secret, previous_secret, previous_until, rotated_at, failures,
    failing_since, disabled_at, disabled_reason, last_at, last_status, created_at
from webhooks where active = 1 and exists (
    select 1 from webhook_deliveries where webhook_deliveries.webhook_id = webhooks.webhook_id and next_at <= $1)
order by webhook_id

-- name: webhooks_sealed
-- Encrypted secrets of webhooks after a number. Primary key.
select webhook_id, account_id, secret, previous_secret from webhooks where webhook_id > $1 order by webhook_id limit $2
