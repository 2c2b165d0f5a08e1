-- When the newest message that was set aside arrived. Index set_aside_by_age.
select max(received_at) from set_aside
