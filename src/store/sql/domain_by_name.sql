-- A domain of the account. Unique index on (account_id, name).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, report_messages_max, accepted_reporters
from domains where account_id = $1 and name = $2
