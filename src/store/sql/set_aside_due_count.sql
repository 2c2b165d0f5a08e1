-- How many messages were set aside before an instant. Index set_aside_by_age.
select count(*) from set_aside where received_at < $1
