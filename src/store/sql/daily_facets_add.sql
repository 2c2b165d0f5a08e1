-- Adds to the facets of days (or, with negative numbers, takes away). A sum that reaches the largest one stays there; of
-- the windows' last days the latest stays. Primary key.
insert into daily_facets (domain_id, kind, day, facet, detail, pass, fail, reports, until_day)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (domain_id, kind, day, facet, detail) do update set
    pass = case when daily_facets.pass < 9007199254740991 and daily_facets.pass < 9007199254740991 - excluded.pass
        then daily_facets.pass + excluded.pass else 9007199254740991 end,
    fail = case when daily_facets.fail < 9007199254740991 and daily_facets.fail < 9007199254740991 - excluded.fail
        then daily_facets.fail + excluded.fail else 9007199254740991 end,
    reports = case when daily_facets.reports < 9007199254740991 and daily_facets.reports < 9007199254740991 - excluded.reports
        then daily_facets.reports + excluded.reports else 9007199254740991 end,
    until_day = case when daily_facets.until_day is null or excluded.until_day > daily_facets.until_day
        then excluded.until_day else daily_facets.until_day end
