-- Which domains have slices of these identities. Primary key.
select account_id, domain_id, identity_key, content_key
from slices where (account_id, identity_key) in (values ($1, $2))
