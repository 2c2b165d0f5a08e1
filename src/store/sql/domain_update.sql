-- Changes the settings of a domain of the account; its next check is due. Primary key.
update domains set tls_mode = $3, open_tracking = $4, click_tracking = $5, inbound_enabled = $6, catch_all = $7,
    custom_return_path = $8, tracking_domain = $9, bimi_logo_url = $10, updated_at = $11, next_check_at = $11
where account_id = $1 and domain_id = $2
