-- name: dkim_key_add
-- The key of a domain's mail, unless it has one. Primary key.
insert into dkim_keys (domain_id, selector, public_key, sealed_key, created_at, selectors_made)
select domain_id, $2, $3, $4, $5, 1 from domains where domain_id = $1
on conflict (domain_id) do nothing

-- name: dkim_key_after
-- Encrypted keys, a page at a time, with the domains' public ids. Primary keys.
select dkim_keys.domain_id, domains.public_id, dkim_keys.sealed_key
from dkim_keys join domains on domains.domain_id = dkim_keys.domain_id
where dkim_keys.domain_id > $1 order by dkim_keys.domain_id limit $2

-- name: dkim_key_put
-- Another key in place of a domain's. Primary key.
update dkim_keys set selector = $2, public_key = $3, sealed_key = $4, created_at = $5 where domain_id = $1

-- name: dkim_key_replace
-- Another key in place of a domain's, with the selector after all that it had, if it still has the key that the caller saw, and has
-- been given no other selector since. Primary key.
update dkim_keys set selector = $2, public_key = $3, sealed_key = $4, created_at = $5, selectors_made = $7
where domain_id = $1 and sealed_key = $6 and selectors_made < $7

-- name: dkim_key_reseal
-- Replaces what a domain's private key is encrypted with. Primary key.
update dkim_keys set sealed_key = $2 where domain_id = $1 and sealed_key = $3

-- name: dkim_key_sealed
-- The selector and the encrypted private half of a domain's key. Primary key.
select selector, sealed_key from dkim_keys where domain_id = $1

-- name: dkim_key_selectors
-- Notes how many selectors a domain has been given, if it has been given none since the caller read their number. Primary key.
update dkim_keys set selectors_made = $3 where domain_id = $1 and selectors_made = $2

-- name: dkim_rotation_add
-- A key that a domain is to sign with next, unless it changes its key already. Primary key.
insert into dkim_rotations (domain_id, selector, public_key, sealed_key, started_at) values ($1, $2, $3, $4, $5)
on conflict (domain_id) do nothing

-- name: dkim_rotation_after
-- Encrypted keys that domains sign with next, a page at a time, with the domains' public ids. Primary keys.
select dkim_rotations.domain_id, domains.public_id, dkim_rotations.sealed_key
from dkim_rotations join domains on domains.domain_id = dkim_rotations.domain_id
where dkim_rotations.domain_id > $1 and dkim_rotations.sealed_key is not null
order by dkim_rotations.domain_id limit $2

-- name: dkim_rotation_drop
-- Forgets the key that a domain would sign with next, if it does not sign yet. Primary key.
delete from dkim_rotations where domain_id = $1 and selector = $2 and switched_at is null

-- name: dkim_rotation_end
-- Forgets the key that a domain signed with before. Primary key.
delete from dkim_rotations where domain_id = $1 and selector = $2 and switched_at is not null

-- name: dkim_rotation_keys
-- The key that signs, and the one that signs next. Primary keys.
select dkim_keys.selector as old_selector, dkim_keys.public_key as old_public_key, dkim_rotations.public_key,
    dkim_rotations.sealed_key, dkim_rotations.started_at
from dkim_rotations join dkim_keys on dkim_keys.domain_id = dkim_rotations.domain_id
where dkim_rotations.domain_id = $1 and dkim_rotations.selector = $2 and dkim_rotations.switched_at is null

-- name: dkim_rotation_publish
-- Notes since when the record of the key that signs next is seen, and when it may sign; null: the record is not there. Primary key.
update dkim_rotations set published_at = $3, activates_after = $4
where domain_id = $1 and selector = $2 and switched_at is null

-- name: dkim_rotation_reseal
-- Replaces what the private key that a domain signs with next is encrypted with. Primary key.
update dkim_rotations set sealed_key = $2 where domain_id = $1 and sealed_key = $3

-- name: dkim_rotation_retiring
-- Domains whose key before is not forgotten yet, a page at a time. Primary keys.
select dkim_rotations.domain_id, dkim_rotations.selector, dkim_rotations.switched_at, dkim_rotations.retire_after, domains.name
from dkim_rotations join domains on domains.domain_id = dkim_rotations.domain_id
where dkim_rotations.domain_id > $1 and dkim_rotations.switched_at is not null
order by dkim_rotations.domain_id limit $2

-- name: dkim_rotation_switch
-- Puts the key that signed before in place of the one that signs now. Primary key.
update dkim_rotations set selector = $3, public_key = $4, sealed_key = null, published_at = null, activates_after = null,
    switched_at = $5, retire_after = $6
where domain_id = $1 and selector = $2 and switched_at is null
