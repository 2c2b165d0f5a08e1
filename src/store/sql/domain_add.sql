-- New domains, pending and due for their first check, but for names that the account has. Unique index on (account_id, name).
insert into domains (domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking,
    inbound_enabled, catch_all, custom_return_path, rua_token, created_at, updated_at, next_check_at, claim_due)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (account_id, name) do nothing
