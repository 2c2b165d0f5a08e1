-- Domains of the account that are one of three names, or point one of them elsewhere. The account's domains by the unique
-- index on (account_id, name).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at
from domains where account_id = $1
    and (name in ($2, $3, $4) or custom_return_path in ($2, $3, $4) or tracking_domain in ($2, $3, $4))
order by domain_id limit 100
