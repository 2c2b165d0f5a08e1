-- name: owner_change_add
-- A change that the owner of a domain says they made. The domain is locked.
insert into owner_changes (domain_id, change_id, kind, changed_at, service, note, posted_by, posted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: owner_change_list
-- The changes that the owner of a domain posted, in order of posting. One range of the primary key.
select domain_id, change_id, kind, changed_at, service, note, posted_by, posted_at
from owner_changes where domain_id = $1 order by change_id

-- name: owner_change_remove
-- Takes a posted change back. Primary key.
delete from owner_changes where domain_id = $1 and change_id = $2
