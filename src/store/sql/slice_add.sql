-- Notes slices.
insert into slices (account_id, identity_key, content_key, domain_id, report_no, policy)
values ($1, $2, $3, $4, $5, $6)
