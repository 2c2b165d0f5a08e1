-- Random names, so that two databases are told apart. A scan of the unique index on rua_token.
select coalesce(min(rua_token), ''), coalesce(max(rua_token), '') from domains
