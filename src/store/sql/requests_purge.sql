-- Forgets the oldest requests from before an instant, a number at once. Index idempotent_requests_by_age.
delete from idempotent_requests where (key_id, scope) in (
    select key_id, scope from idempotent_requests where started_at <= $1 order by started_at limit $2)
