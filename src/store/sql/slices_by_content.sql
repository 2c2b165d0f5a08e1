-- Which domains have slices of these contents. Index slices_by_content.
select account_id, domain_id, identity_key, content_key
from slices where (account_id, content_key) in (values ($1, $2))
