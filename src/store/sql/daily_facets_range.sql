-- The facets of a kind, added up over a range of days; the first and last day with messages, the last day on which a
-- report begins, and on how many days one does. Primary key.
select facet, detail, cast(sum(pass) as bigint), cast(sum(fail) as bigint), cast(sum(reports) as bigint),
    min(case when pass + fail > 0 then day end), max(case when pass + fail > 0 then day end),
    max(case when reports > 0 then day end), count(case when reports > 0 then 1 end)
from daily_facets where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 group by facet, detail
