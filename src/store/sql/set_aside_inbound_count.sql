-- How many set_aside_inbound has in all, up to a number of them. Index set_aside_by_policy_domain.
select count(*) from (
    select 1 as one from set_aside where account_id = $1 and kind = 2 and policy_domain = $2 and domain_id = $3
    limit $4) as up_to
