-- name: paths_of_domain
-- The paths of a domain, in their order. Primary key.
select block, content from paths where domain_id = $1 order by block
