-- name: finding_list
-- What rules found about a domain. One range of the primary key.
select domain_id, kind, subject, is_open, opened_at, told_at, detail from findings where domain_id = $1 order by kind, subject

-- name: finding_one
-- One finding. Primary key.
select domain_id, kind, subject, is_open, opened_at, told_at, detail
from findings where domain_id = $1 and kind = $2 and subject = $3

-- name: finding_forget
-- Forgets findings that ended, and were told before an instant. What was never told is what later states are compared with. One
-- range of the primary key.
delete from findings where domain_id = $1 and is_open = 0 and told_at > 0 and told_at < $2
