-- Reports whose records are old enough to be dropped are found by the index that lists them: one index less to write for
-- each report.
drop index reports_by_age;
drop index reports_by_begin;
create index reports_by_begin on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key, records_kept);
