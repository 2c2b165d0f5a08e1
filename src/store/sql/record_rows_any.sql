-- Whether an earlier version left records that are not packed.
select 1 from record_rows limit 1
