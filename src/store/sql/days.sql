-- name: daily_facets_all
-- Every facet of a domain, to recount. Primary key.
select kind, day, facet, detail, pass, fail, reports, until_day from daily_facets where domain_id = $1

-- name: daily_facets_range
-- The facets of a kind, added up over a range of days; the first and last day with messages, the last day of the windows
-- that begin in the range, and on how many days one begins. Primary key.
select facet, detail, cast(sum(case when pass < 9007199254740991 then pass else 9007199254740991 end) as bigint) as pass,
    cast(sum(case when fail < 9007199254740991 then fail else 9007199254740991 end) as bigint) as fail,
    cast(sum(case when reports < 9007199254740991 then reports else 9007199254740991 end) as bigint) as reports,
    min(case when pass > 0 or fail > 0 then day end) as first_day, max(case when pass > 0 or fail > 0 then day end) as last_day,
    max(case when reports > 0 then coalesce(until_day, day) end) as last_report_day, count(case when reports > 0 then 1 end) as report_days
from daily_facets where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 group by facet, detail

-- name: daily_facets_by_day
-- The facets of a kind, day by day, over a range of days, the newest first; so many rows at most. Primary key.
select facet, detail, day, pass, fail
from daily_facets where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 order by day desc limit $5

-- name: daily_facets_named
-- The messages of five facets of a kind, day by day, over a range of days. Primary key.
select facet, day, pass, fail
from daily_facets where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 and facet in ($5, $6, $7, $8, $9)

-- name: daily_sources_range
-- The packed sources of a range of days, in the parts that each has. Primary key.
select slot, sources
from daily_sources where domain_id = $1 and slot >= $2 and slot <= $3 order by slot

-- name: daily_tls_all
-- All sums of TLS reports of a domain, to recount. Primary key.
select kind, day, policy, subject, place, sender, successful, failed, reports from daily_tls where domain_id = $1

-- name: daily_tls_by_day
-- The sums of TLS reports of a kind, day by day, over a range of days. Primary key.
select day, policy, subject, place, sender, successful, failed, reports
from daily_tls where domain_id = $1 and kind = $2 and day >= $3 and day <= $4 order by day, policy, subject, place, sender

-- name: daily_tls_range
-- The sums of TLS reports of a kind, added up over a range of days, with the first and the last day. Primary key.
select policy, subject, place, sender,
    cast(sum(case when successful < 9007199254740991 then successful else 9007199254740991 end) as bigint) as successful,
    cast(sum(case when failed < 9007199254740991 then failed else 9007199254740991 end) as bigint) as failed,
    cast(sum(case when reports < 9007199254740991 then reports else 9007199254740991 end) as bigint) as reports,
    min(day) as first_day, max(day) as last_day
from daily_tls where domain_id = $1 and kind = $2 and day >= $3 and day <= $4
    and (successful > 0 or failed > 0 or reports > 0)
group by policy, subject, place, sender

-- name: daily_totals_last
-- The last day up to a day for which messages were reported. Primary key.
select day from daily_totals where domain_id = $1 and day <= $2 and (pass > 0 or fail > 0)
order by day desc limit 1

-- name: daily_totals_of_account
-- Messages of every domain of an account in up to three stretches of days that follow each other: from $2, from $3, and from
-- $4 to $5; and the last day with messages. Unique index on (account_id, name) of domains, then the primary key.
select domain_id,
    cast(coalesce(sum(pass) filter (where day < $3), 0) as bigint) as before_pass,
    cast(coalesce(sum(fail) filter (where day < $3), 0) as bigint) as before_fail,
    cast(coalesce(sum(pass) filter (where day >= $3 and day < $4), 0) as bigint) as pass,
    cast(coalesce(sum(fail) filter (where day >= $3 and day < $4), 0) as bigint) as fail,
    cast(coalesce(sum(pass) filter (where day >= $4), 0) as bigint) as after_pass,
    cast(coalesce(sum(fail) filter (where day >= $4), 0) as bigint) as after_fail,
    max(day) filter (where pass > 0 or fail > 0) as last_day
from (
    select domain_id, day, case when pass < 9007199254740991 then pass else 9007199254740991 end as pass,
        case when fail < 9007199254740991 then fail else 9007199254740991 end as fail
    from daily_totals
    where domain_id in (select domain_id from domains where account_id = $1) and day >= $2 and day <= $5
) as days
group by domain_id

-- name: daily_totals_range
-- The days of a range that have messages or reports, up to two rows each: reports whose mail does not vouch for them, and those
-- whose does. Primary key.
select day, vouched, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, reports
from daily_totals where domain_id = $1 and day >= $2 and day <= $3 order by day, vouched

-- name: daily_totals_reports
-- How many counted reports begin in a range of days. Primary key.
select cast(coalesce(sum(case when reports < 9007199254740991 then reports else 9007199254740991 end), 0) as bigint) as reports
from daily_totals where domain_id = $1 and day >= $2 and day <= $3
