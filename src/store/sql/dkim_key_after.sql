-- Encrypted keys, a page at a time, with the domains' public ids. Primary keys.
select dkim_keys.domain_id, domains.public_id, dkim_keys.sealed_key
from dkim_keys join domains on domains.domain_id = dkim_keys.domain_id
where dkim_keys.domain_id > $1 order by dkim_keys.domain_id limit $2
