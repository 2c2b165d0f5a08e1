-- name: delivery_replay
-- Makes a delivery due again, as if it were new. Primary key.
update deliveries set attempts = 0, next_at = $3, delivered_at = null where delivery_id = $2 and target_id = $1

-- name: deliveries_due
-- Due deliveries of a target, the longest due first. Index deliveries_due.
select delivery_id, target_id, event_id, event, payload, attempts, next_at, delivered_at, status, response, created_at
from deliveries where target_id = $1 and next_at <= $2 order by next_at limit $3

-- name: deliveries_of_target
-- A page of the deliveries of a target, newest first. Index deliveries_by_target.
select delivery_id, target_id, event_id, event, payload, attempts, next_at, delivered_at, status, response, created_at
from deliveries where target_id = $1 order by delivery_id desc limit $2 offset $3

-- name: deliveries_count
-- How many deliveries a target has, up to a number. Index deliveries_by_target.
select count(*) as total from (select 1 as one from deliveries where target_id = $1 limit $2) as up_to

-- name: deliveries_failed_count
-- How many deliveries of a target failed since an instant, of one event or of all (''), up to a number. Index
-- deliveries_by_target.
select count(*) as total from (
    select 1 as one from deliveries
    where target_id = $1 and next_at is null and delivered_at is null and created_at >= $2 and ($3 = '' or event = $3)
    limit $4) as up_to

-- name: deliveries_purge
-- Forgets the oldest deliveries from before an instant, a number at once. Index deliveries_by_age.
delete from deliveries where delivery_id in (
    select delivery_id from deliveries where created_at <= $1 order by created_at limit $2)

-- name: deliveries_remove
-- Removes deliveries of a target, a number at once. Index deliveries_by_target.
delete from deliveries where delivery_id in (
    select delivery_id from deliveries where target_id = $1 order by delivery_id limit $2)

-- name: deliveries_replay_failed
-- Makes failed deliveries of a target due again, the oldest first. Index deliveries_by_target.
update deliveries set attempts = 0, next_at = $5 where delivery_id in (
    select delivery_id from deliveries
    where target_id = $1 and next_at is null and delivered_at is null and created_at >= $2 and ($3 = '' or event = $3)
    order by delivery_id limit $4)

-- name: deliveries_stop
-- Gives up what waits for a target. Index deliveries_due.
update deliveries set next_at = null, response = $2 where target_id = $1 and next_at is not null

-- name: deliveries_waiting
-- How many deliveries wait for an attempt, up to a number. Index deliveries_due.
select count(*) as total from (
    select 1 as one from deliveries where next_at is not null limit $1) as up_to
