-- The name that the texts of a domain's evidence are relative to. Primary key.
select name from domains where domain_id = $1
