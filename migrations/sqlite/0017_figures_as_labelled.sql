-- Figures that say what their labels say.

-- The report whose window ends last says what the domain publishes, whatever came in which order.
create index reports_by_end on reports (domain_id, counted, end_at, begin_at, report_no);

-- kind 0: the last day of the windows that begin on the day; null for signers.
alter table daily_facets add column until_day integer;
update daily_facets set until_day = ends.until_day from (
    select domain_id, begin_at / 86400 as day, coalesce(org_name, '') as facet,
        max(case when end_at > begin_at then (end_at - 1) / 86400 else begin_at / 86400 end) as until_day
    from reports where counted = 1 group by domain_id, begin_at / 86400, coalesce(org_name, '')
) as ends
where daily_facets.domain_id = ends.domain_id and daily_facets.kind = 0 and daily_facets.day = ends.day
    and daily_facets.facet = ends.facet and daily_facets.detail = '';

-- What a report over several days adds to each was rounded record by record. Reports with a number below respread_end are
-- spread anew when the database is opened next (store/respread.rs); respread_domain and respread_report say how far that
-- has come.
insert into counters (name, value) select 'respread_end', value from counters where name = 'report';
insert into counters (name, value) values ('respread_domain', 0), ('respread_report', 0);
