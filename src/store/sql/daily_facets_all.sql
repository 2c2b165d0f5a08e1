-- Every facet of a domain, to recount. Primary key.
select kind, day, facet, detail, pass, fail, reports, until_day from daily_facets where domain_id = $1
