-- The facets of a kind, added up over a range of days; the first and last day with messages, the last day of the windows
-- that begin in the range, and on how many days one begins. Primary key.
select facet, detail, cast(sum(case when pass < 9007199254740991 then pass else 9007199254740991 end) as bigint),
    cast(sum(case when fail < 9007199254740991 then fail else 9007199254740991 end) as bigint),
    cast(sum(case when reports < 9007199254740991 then reports else 9007199254740991 end) as bigint),
    min(case when pass > 0 or fail > 0 then day end), max(case when pass > 0 or fail > 0 then day end),
    max(case when reports > 0 then coalesce(until_day, day) end), count(case when reports > 0 then 1 end)
from daily_facets where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 group by facet, detail
