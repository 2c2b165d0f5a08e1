-- The newest migration of the database. Primary key.
select max(version) from _sqlx_migrations
