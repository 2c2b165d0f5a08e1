-- The newest migration of the database. A scan of a dozen rows.
select max(version) from _sqlx_migrations
