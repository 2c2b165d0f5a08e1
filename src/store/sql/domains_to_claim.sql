-- The domains of an account for which something may wait. Index domains_to_claim.
select domain_id, name from domains where account_id = $1 and claim_due = 1 order by domain_id
