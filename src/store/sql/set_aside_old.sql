-- The oldest messages set aside before an instant. Index set_aside_by_age.
select set_aside_id, account_id, digest
from set_aside where received_at < $1 order by received_at limit $2
