-- name: delivery_replay
-- Makes a delivery due again, as if it were new. Primary key.
update webhook_deliveries set attempts = 0, next_at = $3, delivered_at = null where delivery_id = $2 and webhook_id = $1

-- name: deliveries_due
-- Due deliveries of a webhook, the longest due first. Index webhook_deliveries_due.
select delivery_id, webhook_id, event_id, event, payload, attempts, next_at, delivered_at, status, response, created_at
from webhook_deliveries where webhook_id = $1 and next_at <= $2 order by next_at limit $3

-- name: deliveries_of_webhook
-- A page of the deliveries of a webhook, newest first. Index webhook_deliveries_by_webhook.
select delivery_id, webhook_id, event_id, event, payload, attempts, next_at, delivered_at, status, response, created_at
from webhook_deliveries where webhook_id = $1 order by delivery_id desc limit $2 offset $3

-- name: deliveries_count
-- How many deliveries a webhook has, up to a number. Index webhook_deliveries_by_webhook.
select count(*) as total from (select 1 as one from webhook_deliveries where webhook_id = $1 limit $2) as up_to

-- name: deliveries_failed_count
-- How many deliveries of a webhook failed since an instant, of one event or of all (''), up to a number. Index
-- webhook_deliveries_by_webhook.
select count(*) as total from (
    select 1 as one from webhook_deliveries
    where webhook_id = $1 and next_at is null and delivered_at is null and created_at >= $2 and ($3 = '' or event = $3)
    limit $4) as up_to

-- name: deliveries_purge
-- Forgets the oldest deliveries from before an instant, a number at once. Index webhook_deliveries_by_age.
delete from webhook_deliveries where delivery_id in (
    select delivery_id from webhook_deliveries where created_at <= $1 order by created_at limit $2)

-- name: deliveries_remove
-- Removes deliveries of a webhook, a number at once. Index webhook_deliveries_by_webhook.
delete from webhook_deliveries where delivery_id in (
    select delivery_id from webhook_deliveries where webhook_id = $1 order by delivery_id limit $2)

-- name: deliveries_replay_failed
-- Makes failed deliveries of a webhook due again, the oldest first. Index webhook_deliveries_by_webhook.
update webhook_deliveries set attempts = 0, next_at = $5 where delivery_id in (
    select delivery_id from webhook_deliveries
    where webhook_id = $1 and next_at is null and delivered_at is null and created_at >= $2 and ($3 = '' or event = $3)
    order by delivery_id limit $4)

-- name: deliveries_stop
-- Gives up what waits for a webhook. Index webhook_deliveries_due.
update webhook_deliveries set next_at = null, response = $2 where webhook_id = $1 and next_at is not null

-- name: deliveries_waiting
-- How many deliveries wait for an attempt, up to a number. Index webhook_deliveries_due.
select count(*) as total from (
    select 1 as one from webhook_deliveries where next_at is not null limit $1) as up_to
