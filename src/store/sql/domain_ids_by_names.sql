-- The rows of these names, those that there are. Unique index on (account_id, name).
select account_id, name, domain_id, report_messages_max, accepted_reporters
from domains where (account_id, name) in (values ($1, $2))
