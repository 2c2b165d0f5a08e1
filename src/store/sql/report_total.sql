-- How many reports there are. A scan of the smallest index.
select count(*) from reports
