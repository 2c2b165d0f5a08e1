-- The last day up to a day for which messages were reported. Primary key.
select day from daily_totals where domain_id = $1 and day <= $2 and (pass > 0 or fail > 0)
order by day desc limit 1
