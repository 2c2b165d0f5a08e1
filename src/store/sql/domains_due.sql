-- Domains of an account whose check is due, the longest due first, behind ($2, $3). Index on (account_id, next_check_at).
select domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, tracking_domain, bimi_logo_url, rua_token, created_at,
    updated_at, verified_at, last_checked_at, next_check_at
from domains
where account_id = $1 and next_check_at >= $2 and (next_check_at, domain_id) > ($2, $3) and next_check_at <= $4
order by next_check_at, domain_id limit $5
