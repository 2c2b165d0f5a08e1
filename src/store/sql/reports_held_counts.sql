-- How many reports of some domains are held, by why. Covering index reports_by_acceptance; the last condition, which is always
-- true, makes SQLite prefer it.
select domain_id, count(*)
from reports where (domain_id, acceptance) in (values ($1, $2)) and acceptance <> 0 and acceptance >= 1
group by domain_id
