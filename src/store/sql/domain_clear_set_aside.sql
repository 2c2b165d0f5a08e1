-- Messages set aside for a domain that goes stay with the account.
update set_aside set domain_id = null where account_id = $1 and domain_id = $2
