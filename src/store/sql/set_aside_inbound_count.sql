-- How many set_aside_inbound has in all. Index set_aside_by_policy_domain.
select count(*) from set_aside where account_id = $1 and kind = 2 and policy_domain = $2 and domain_id = $3
