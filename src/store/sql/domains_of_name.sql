-- The rows of a name in all accounts, oldest first. Index domains_by_name.
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at
from domains where name = $1 order by domain_id
