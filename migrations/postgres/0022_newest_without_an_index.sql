-- What ends last is found by what begins last: an index by the end of every window made each report touch one page more.
-- Windows longer than 25 hours have one of their own (store/overview.rs).
drop index reports_by_end;
create index reports_by_end on reports (domain_id, counted, end_at, begin_at, report_no) where end_at - begin_at > 90000;
drop index reports_by_begin;
create index reports_by_begin
    on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key, records_since, end_at);
