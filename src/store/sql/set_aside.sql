-- name: set_aside_any
-- Has an account messages set aside that may be counted? Index set_aside_by_kind.
select 1 from set_aside where account_id = $1 and kind < 2 limit 1

-- name: set_aside_by_id
-- One message set aside. Primary key.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where set_aside_id = $1

-- name: set_aside_bytes
-- The bytes of a message set aside, as they are stored. Primary keys.
select set_aside_messages.unpacked_len, set_aside_messages.bytes
from set_aside join set_aside_messages
    on set_aside_messages.account_id = set_aside.account_id and set_aside_messages.digest = set_aside.digest
where set_aside.set_aside_id = $1

-- name: set_aside_count
-- How many set_aside_list has in all. A scan.
select count(*) as total from set_aside where ($1 = -1 or kind = $1)

-- name: set_aside_counts
-- How many there are of each kind and reason. A scan.
select kind, reason, count(*) as total from set_aside group by kind, reason order by kind, reason

-- name: set_aside_day
-- What was set aside on a day. Primary key.
select messages, bytes from set_aside_days where day = $1 and account_id = $2 and vouched = $3 and domain_id = $4

-- name: set_aside_day_add
-- More is set aside on a day. Primary key.
insert into set_aside_days (day, account_id, vouched, domain_id, messages, bytes) values ($1, $2, $3, $4, $5, $6)
on conflict (day, account_id, vouched, domain_id) do update set messages = set_aside_days.messages + excluded.messages,
    bytes = set_aside_days.bytes + excluded.bytes

-- name: set_aside_days_old
-- Forgets what was set aside on days that are over. Primary key.
delete from set_aside_days where day < $1

-- name: set_aside_due_count
-- How many messages were set aside before an instant. Index set_aside_by_age.
select count(*) as total from set_aside where received_at < $1

-- name: set_aside_end
-- The number of the newest message that is set aside. Primary key.
select max(set_aside_id) as newest from set_aside

-- name: set_aside_from
-- Messages set aside of all accounts, from one on and below another, in the order of their numbers. Primary key.
select set_aside_id, kind from set_aside where set_aside_id >= $1 and set_aside_id < $2 order by set_aside_id limit $3

-- name: set_aside_groups
-- The newest messages of an account that were set aside, of one kind, by reason and origin. Index set_aside_by_kind.
select reason, origin, count(*) as total, max(set_aside_id) as newest, max(received_at) as last_at
from (
    select set_aside_id, reason, origin, received_at from set_aside where account_id = $1 and kind = $2
    order by set_aside_id desc limit $3) as up_to
group by reason, origin
order by total desc, newest desc

-- name: set_aside_inbound
-- Other mail to a domain, newest first, from below one on. Index set_aside_by_policy_domain.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where account_id = $1 and kind = 2 and policy_domain = $2 and domain_id = $3
    and set_aside_id < $6
order by set_aside_id desc limit $4 offset $5

-- name: set_aside_inbound_count
-- How many set_aside_inbound has in all, up to a number of them. Index set_aside_by_policy_domain.
select count(*) as total from (
    select 1 as one from set_aside where account_id = $1 and kind = 2 and policy_domain = $2 and domain_id = $3
    limit $4) as up_to

-- name: set_aside_known
-- Whether a message is set aside already. Primary key.
select 1 from set_aside_messages where account_id = $1 and digest = $2

-- name: set_aside_list
-- Messages set aside of all accounts, newest first, from below one on; -1 stands for any kind. By primary key: an
-- operator's question.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where ($1 = -1 or kind = $1)
    and set_aside_id < $4
order by set_aside_id desc limit $2 offset $3

-- name: set_aside_message_all
-- Every message set aside, as it is stored, over all accounts, to be verified. Primary key.
select digest, unpacked_len, bytes from set_aside_messages order by account_id, digest

-- name: set_aside_message_remove
-- Drops bytes that no row refers to any more. Primary key, index set_aside_by_message.
delete from set_aside_messages where account_id = $1 and digest = $2
    and not exists (select 1 from set_aside where set_aside.account_id = $1 and set_aside.digest = $2)

-- name: set_aside_newest
-- When the newest message that was set aside arrived. Index set_aside_by_age.
select max(received_at) as received_at from set_aside

-- name: set_aside_of_account
-- Messages of an account that were set aside, newest first, from below one on. Index set_aside_by_account.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where account_id = $1
    and set_aside_id < $4
order by set_aside_id desc limit $2 offset $3

-- name: set_aside_of_account_count
-- How many set_aside_of_account has in all, up to a number of them. Index set_aside_by_kind.
select count(*) as total from (select 1 as one from set_aside where account_id = $1 limit $2) as up_to

-- name: set_aside_of_kind
-- Messages of an account that were set aside, of one kind, newest first, from below one on. Index set_aside_by_kind.
select set_aside_id, account_id, kind, reason, detail, leaf, byte_offset, policy_domain, origin, received_at, arrivals,
    bytes_len, domain_id, digest
from set_aside where account_id = $1 and kind = $2
    and set_aside_id < $5
order by set_aside_id desc limit $3 offset $4

-- name: set_aside_of_kind_count
-- How many set_aside_of_kind has in all, up to a number of them. Index set_aside_by_kind.
select count(*) as total from (select 1 as one from set_aside where account_id = $1 and kind = $2 limit $3) as up_to

-- name: set_aside_old
-- The oldest messages set aside before an instant. Index set_aside_by_age.
select set_aside_id, account_id, digest
from set_aside where received_at < $1 order by received_at limit $2

-- name: set_aside_provenance
-- How a message set aside came. Primary key.
select provenance from set_aside where set_aside_id = $1

-- name: set_aside_put
-- Keeps a message that became no counted report, or counts its arrival. Unique index.
insert into set_aside (set_aside_id, account_id, kind, digest, policy_domain, domain_id, reason, detail, leaf, byte_offset,
    origin, received_at, arrivals, bytes_len, provenance)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $15)
on conflict (account_id, kind, digest, policy_domain) do update set arrivals = set_aside.arrivals + $14,
    domain_id = coalesce(set_aside.domain_id, excluded.domain_id), reason = excluded.reason, detail = excluded.detail, leaf = excluded.leaf, byte_offset = excluded.byte_offset
returning set_aside_id

-- name: set_aside_reread
-- How far the newest version of the reader has read other mail again. Primary key.
select reader, next_id, end_id from rereads order by reader desc limit 1

-- name: set_aside_reread_begin
-- A version of the reader begins to read other mail again. Primary key.
insert into rereads (reader, next_id, end_id) values ($1, 0, $2) on conflict (reader) do nothing

-- name: set_aside_reread_note
-- A version of the reader has read other mail again up to a message. Primary key.
update rereads set next_id = $2 where reader = $1 and next_id < $2

-- name: set_aside_remove
-- A message was taken after all. Primary key.
delete from set_aside where set_aside_id = $1

-- name: set_aside_unclaimed
-- Unclaimed reports of an account about one name. Index set_aside_by_policy_domain.
select set_aside_id
from set_aside where account_id = $1 and kind = 1 and policy_domain = $2 order by set_aside_id

-- name: set_aside_unclaimed_names
-- The names that an account has unclaimed reports about. Index set_aside_by_policy_domain.
select distinct policy_domain
from set_aside where account_id = $1 and kind = 1

-- name: set_aside_unclaimed_of_message
-- Unclaimed reports of one message. Unique index on (account_id, kind, digest, policy_domain).
select set_aside_id, policy_domain
from set_aside where account_id = $1 and kind = 1 and digest = $2
