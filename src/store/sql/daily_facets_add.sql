-- Adds to the facets of days (or, with negative numbers, takes away). Primary key.
insert into daily_facets (domain_id, kind, day, facet, detail, pass, fail, reports)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (domain_id, kind, day, facet, detail) do update set pass = daily_facets.pass + excluded.pass,
    fail = daily_facets.fail + excluded.fail, reports = daily_facets.reports + excluded.reports
