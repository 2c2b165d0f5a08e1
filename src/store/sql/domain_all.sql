-- Every domain with its account, for recounting. A scan, by primary key.
select domain_id, account_id, name from domains order by domain_id
