-- The days of all domains of an account in a range. Primary key of daily_totals for each domain.
select domain_id, day, pass, fail from daily_totals
where domain_id in (select domain_id from domains where account_id = $1) and day >= $2 and day <= $3
