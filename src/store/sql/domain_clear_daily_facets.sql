-- Everything that a domain has in this table: one range of its primary key.
delete from daily_facets where domain_id = $1
