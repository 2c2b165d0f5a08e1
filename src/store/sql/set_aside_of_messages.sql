-- What is set aside of these messages. Index set_aside_by_message.
select set_aside_id, account_id, digest, kind, policy_domain
from set_aside where (account_id, digest) in (values ($1, $2))
