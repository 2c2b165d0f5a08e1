-- Messages of an account that were misaddressed, up to a number. Index set_aside_by_kind.
select set_aside_id
from set_aside where account_id = $1 and kind = 0 and set_aside_id <= $2 and reason = 'misaddressed' order by set_aside_id
