-- Accounts with domains whose check is due. A scan of accounts; each is looked up in the index on (account_id, next_check_at).
select account_id from accounts
where exists (select 1 from domains where domains.account_id = accounts.account_id and domains.next_check_at <= $1)
order by account_id
