-- As report_count, without filters: it reads nothing but places. Covering index reports_by_begin.
select count(*) from (
    select 1 as one from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    limit $4) as up_to
