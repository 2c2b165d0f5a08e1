-- How many there are of each kind and reason. A scan.
select kind, reason, count(*) from set_aside group by kind, reason order by kind, reason
