-- How many reports arrived, duplicates too. A scan.
select cast(coalesce(sum(arrivals), 0) as bigint) from reports
