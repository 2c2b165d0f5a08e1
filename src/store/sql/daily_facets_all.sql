-- Every facet of a domain, to recount. Primary key.
select kind, day, facet, detail, pass, fail, reports from daily_facets where domain_id = $1
