-- Adds to days (or, with negative numbers, takes away). Primary key.
insert into daily_totals (domain_id, day, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, reports)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (domain_id, day) do update set pass = daily_totals.pass + excluded.pass,
    fail = daily_totals.fail + excluded.fail, dkim_aligned = daily_totals.dkim_aligned + excluded.dkim_aligned,
    spf_aligned = daily_totals.spf_aligned + excluded.spf_aligned, none = daily_totals.none + excluded.none,
    quarantine = daily_totals.quarantine + excluded.quarantine, reject = daily_totals.reject + excluded.reject,
    reports = daily_totals.reports + excluded.reports
