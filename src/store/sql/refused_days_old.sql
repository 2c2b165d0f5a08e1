-- Deletes the refused mail of old days. Index refused_days_by_day.
delete from refused_days where day < $1
