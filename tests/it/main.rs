//! Tests of the whole, through the doors that users have.

#![expect(
    clippy::fn_params_excessive_bools,
    clippy::too_many_arguments,
    reason = "tests are data: their rows are arguments"
)]

mod belonging;
mod chance;
mod cli;
mod client;
mod cluster;
mod corpus;
mod domains;
mod failures;
mod fixtures;
mod http;
mod insight;
mod intake;
mod jobs;
mod mail;
mod mailbox;
mod notify;
mod outbound;
mod packaging;
mod page;
mod posted;
mod postfix;
mod postgres;
mod proven;
mod provenance;
mod ptr;
mod reading;
mod release;
mod smtp;
mod store;
mod tidy;
mod tls;

/// Changes a database behind the program's back.
async fn sqlite(path: &std::path::Path, statement: &str) {
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut conn = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// A write transaction of another process; it ends when this is dropped.
async fn writing(path: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut conn = options.connect().await.unwrap();
    sqlx::query("begin immediate").execute(&mut conn).await.unwrap();
    conn
}
