-- Forgets the oldest answered requests of an account, up to a number. Primary key, for each of its keys; sorted.
delete from idempotent_requests where (key_id, scope) in (
    select key_id, scope from idempotent_requests
    where key_id in (select key_id from api_keys where account_id = $1) and status is not null
    order by started_at limit $2)
