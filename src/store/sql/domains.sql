-- name: domain_all
-- Every domain with its account, for recounting. A scan, by primary key.
select domain_id, account_id, name from domains order by domain_id

-- name: domain_by_id
-- A domain of the account. Primary key.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where account_id = $1 and domain_id = $2

-- name: domain_by_name
-- A domain of the account. Unique index on (account_id, name).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports, report_messages_max, accepted_reporters
from domains where account_id = $1 and name = $2

-- name: domain_by_public_id
-- A domain of the account. Unique index on public_id.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where account_id = $1 and public_id = $2

-- name: domain_by_rua_token
-- The domain whose own report address has this local part. Unique index on rua_token.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where rua_token = $1

-- name: domain_by_tls_token
-- The domain that TLS reports are posted to with a token of this hash. Unique index on tls_token_hash.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where tls_token_hash = $1

-- name: domain_claimed
-- Nothing waits for a domain any more. Primary key.
update domains set claim_due = 0 where domain_id = $1 and claim_due = 1

-- name: domain_clear_checks
-- What was found of a domain's records. Primary key.
delete from domain_checks where domain_id = $1

-- name: domain_clear_daily_facets
-- Everything that a domain has in this table: one range of its primary key.
delete from daily_facets where domain_id = $1

-- name: domain_clear_daily_sources
-- Everything that a domain has in this table: one range of its primary key.
delete from daily_sources where domain_id = $1

-- name: domain_clear_paths
-- Everything that a domain has in this table: one range of its primary key.
delete from paths where domain_id = $1

-- name: domain_clear_daily_totals
-- Everything that a domain has in this table: one range of its primary key.
delete from daily_totals where domain_id = $1

-- name: domain_clear_daily_tls
-- Everything that a domain has in this table: one range of its primary key.
delete from daily_tls where domain_id = $1

-- name: domain_clear_decisions
-- What the owner of a domain decided about senders: one range of the primary key.
delete from sender_decisions where domain_id = $1

-- name: domain_clear_owner_changes
-- The changes that the owner of a domain posted: one range of the primary key.
delete from owner_changes where domain_id = $1

-- name: domain_clear_failure_reports
-- Everything that a domain has in this table: one range of its primary key.
delete from failure_reports where domain_id = $1

-- name: domain_clear_findings
-- What rules found about a domain: one range of the primary key.
delete from findings where domain_id = $1

-- name: domain_clear_dkim_key
-- The key of a domain's mail. Primary key.
delete from dkim_keys where domain_id = $1

-- name: domain_clear_dkim_rotation
-- The key that the domain would sign with next, or signed with before. Primary key.
delete from dkim_rotations where domain_id = $1

-- name: domain_clear_evidence
-- Everything that a domain has in this table: one range of its primary key.
delete from evidence where domain_id = $1

-- name: domain_clear_originals
-- Everything that a domain has in this table: one range of its primary key.
delete from originals where domain_id = $1

-- name: domain_clear_records
-- Everything that a domain has in this table: one range of its primary key.
delete from records where domain_id = $1

-- name: domain_clear_reports
-- Everything that a domain has in this table: one range of its primary key.
delete from reports where domain_id = $1

-- name: domain_clear_tls_reports
-- Everything that a domain has in this table: one range of its primary key.
delete from tls_reports where domain_id = $1

-- name: domain_clear_set_aside
-- Messages set aside for a domain that goes stay with the account.
update set_aside set domain_id = null where account_id = $1 and domain_id = $2

-- name: domain_check_due
-- Makes the next check of a domain due at $2, unless it is due earlier. Primary key.
update domains set next_check_at = $2 where domain_id = $1 and next_check_at > $2

-- name: domain_dns
-- What is known of a domain's DNS: its keys without the private halves, its address, what was found. Primary keys.
select dkim_keys.selector, dkim_keys.public_key, dkim_keys.created_at, dkim_keys.selectors_made, ip_addresses.ip_id, ip_addresses.account_id,
    ip_addresses.address, domain_checks.checks, domain_checks.own_networks, substr(dkim_keys.sealed_key, 1, 9) as sealed_with,
    domains.tls_token_hash, dkim_rotations.selector as rotation_selector, dkim_rotations.public_key as rotation_public_key,
    substr(dkim_rotations.sealed_key, 1, 9) as rotation_sealed_with, dkim_rotations.started_at, dkim_rotations.published_at,
    dkim_rotations.activates_after, dkim_rotations.switched_at, dkim_rotations.retire_after
from domains
left join dkim_keys on dkim_keys.domain_id = domains.domain_id
left join dkim_rotations on dkim_rotations.domain_id = domains.domain_id
left join ip_addresses on ip_addresses.ip_id = domains.ip_id
left join domain_checks on domain_checks.domain_id = domains.domain_id
where domains.domain_id = $1

-- name: domain_list
-- An account's domains, newest first. Unique index on (account_id, name).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where account_id = $1 order by created_at desc, domain_id desc

-- name: domain_names
-- The names of an account's domains. Unique index on (account_id, name).
select name, domain_id
from domains where account_id = $1

-- name: domain_remove
-- Removes the row; what hangs on it goes with the statements domain_clear_*. Primary key.
delete from domains where account_id = $1 and domain_id = $2

-- name: domain_set_trust
-- The owner has decided otherwise. Primary key.
update domains set report_messages_max = $2, accepted_reporters = $3 where domain_id = $1

-- name: domain_trust
-- What the owner of a domain has decided about its reports. Primary key.
select report_messages_max, accepted_reporters from domains where domain_id = $1

-- name: domain_tls_token
-- When the token was made with which TLS reports about a domain are posted. Primary key.
select tls_token_at from domains where account_id = $1 and domain_id = $2

-- name: domain_tls_token_put
-- Makes or takes away the token with which TLS reports about a domain are posted. Primary key.
update domains set tls_token_hash = $3, tls_token_at = $4 where account_id = $1 and domain_id = $2

-- name: domain_update
-- Changes the settings of a domain of the account; its next check is due. Primary key.
update domains set tls_mode = $3, open_tracking = $4, click_tracking = $5, inbound_enabled = $6, catch_all = $7,
    custom_return_path = $8, tracking_domain = $9, bimi_logo_url = $10, updated_at = $11, next_check_at = $11, tags = $12,
    failure_reports = $13
where account_id = $1 and domain_id = $2

-- name: domains_at_names
-- Domains of the account that are one of three names, or point one of them elsewhere. The account's domains by the unique
-- index on (account_id, name).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where account_id = $1
    and (name in ($2, $3, $4) or custom_return_path in ($2, $3, $4) or tracking_domain in ($2, $3, $4))
order by domain_id limit 100

-- name: domains_changed
-- Tells every writer that its memory of which domains there are is old. Primary key.
update counters set value = value + 1 where name = 'domains_version'

-- name: domains_due
-- Domains of an account whose check is due, the longest due first, behind ($2, $3). Index on (account_id, next_check_at).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports, next_check_at
from domains
where account_id = $1 and next_check_at >= $2 and (next_check_at, domain_id) > ($2, $3) and next_check_at <= $4
order by next_check_at, domain_id limit $5

-- name: domains_of_name
-- The rows of a name in all accounts, oldest first. Index domains_by_name.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, tags, failure_reports
from domains where name = $1 order by domain_id

-- name: domains_recall
-- Makes the checks due that are due later than any check can be: they were put off under a clock that was ahead. Each
-- account is looked up in the index on (account_id, next_check_at).
update domains set next_check_at = $1
where account_id in (select account_id from accounts) and next_check_at > $2

-- name: domains_to_claim
-- The domains of an account for which something may wait. Index domains_to_claim.
select domain_id, name from domains where account_id = $1 and claim_due = 1 order by domain_id

-- name: domain_thresholds
-- The numbers of rules that are set for a domain. Primary key.
select thresholds from domains where account_id = $1 and domain_id = $2

-- name: domain_thresholds_hold
-- The same, while no other transaction changes them. Primary key.
update domains set thresholds = thresholds where account_id = $1 and domain_id = $2 returning thresholds

-- name: domain_thresholds_put
-- Sets numbers of rules for a domain. Primary key.
update domains set thresholds = $3 where account_id = $1 and domain_id = $2
