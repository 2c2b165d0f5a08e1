-- How many report_list has in all, up to a number of them. Covering index reports_by_begin.
select count(*) from (
    select 1 as one from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
    limit $6) as up_to
