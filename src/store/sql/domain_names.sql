-- The names of an account's domains. Unique index on (account_id, name).
select name, domain_id
from domains where account_id = $1
