-- Adds to days (or, with negative numbers, takes away). A sum that reaches the largest one stays there. Primary key.
insert into daily_totals (domain_id, day, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, reports)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (domain_id, day) do update set
    pass = case when daily_totals.pass < 9007199254740991 and daily_totals.pass < 9007199254740991 - excluded.pass
        then daily_totals.pass + excluded.pass else 9007199254740991 end,
    fail = case when daily_totals.fail < 9007199254740991 and daily_totals.fail < 9007199254740991 - excluded.fail
        then daily_totals.fail + excluded.fail else 9007199254740991 end,
    dkim_aligned = case when daily_totals.dkim_aligned < 9007199254740991 and daily_totals.dkim_aligned < 9007199254740991 - excluded.dkim_aligned
        then daily_totals.dkim_aligned + excluded.dkim_aligned else 9007199254740991 end,
    spf_aligned = case when daily_totals.spf_aligned < 9007199254740991 and daily_totals.spf_aligned < 9007199254740991 - excluded.spf_aligned
        then daily_totals.spf_aligned + excluded.spf_aligned else 9007199254740991 end,
    none = case when daily_totals.none < 9007199254740991 and daily_totals.none < 9007199254740991 - excluded.none
        then daily_totals.none + excluded.none else 9007199254740991 end,
    quarantine = case when daily_totals.quarantine < 9007199254740991 and daily_totals.quarantine < 9007199254740991 - excluded.quarantine
        then daily_totals.quarantine + excluded.quarantine else 9007199254740991 end,
    reject = case when daily_totals.reject < 9007199254740991 and daily_totals.reject < 9007199254740991 - excluded.reject
        then daily_totals.reject + excluded.reject else 9007199254740991 end,
    reports = case when daily_totals.reports < 9007199254740991 and daily_totals.reports < 9007199254740991 - excluded.reports
        then daily_totals.reports + excluded.reports else 9007199254740991 end
