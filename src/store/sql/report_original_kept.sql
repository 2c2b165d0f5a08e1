-- Are these bytes still there? Primary key.
select 1 from originals where domain_id = $1 and digest = $2
