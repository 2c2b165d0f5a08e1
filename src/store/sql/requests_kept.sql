-- How many requests of an account are remembered, and the bytes of their answers. Primary key, for each of its keys.
select count(*), coalesce(sum(coalesce(length(answer), 0)), 0) from idempotent_requests
where key_id in (select key_id from api_keys where account_id = $1)
