-- name: schema_version
-- The newest migration of the database. Primary key.
select max(version) as version from _sqlx_migrations
