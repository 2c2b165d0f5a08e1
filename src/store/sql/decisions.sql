-- name: decision_add
-- What an owner decided about a sender. The domain is locked.
insert into sender_decisions (domain_id, decision_id, kind, subject, whose, name, note, decided_by, decided_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: decision_change
-- Another decision about the same sender. Primary key.
update sender_decisions set whose = $3, name = $4, note = $5, decided_by = $6, decided_at = $7
where domain_id = $1 and decision_id = $2

-- name: decision_list
-- What the owner of a domain decided, in order of first decision. One range of the primary key.
select domain_id, decision_id, kind, subject, whose, name, note, decided_by, decided_at
from sender_decisions where domain_id = $1 order by decision_id

-- name: decision_remove
-- Takes a decision back. Primary key.
delete from sender_decisions where domain_id = $1 and decision_id = $2
