//! What the file of SQLite needs from time to time. A server sees to its files itself.

use super::{Conn, Link, Side, embedded};
use crate::store::StoreError;

impl Link {
    /// Rows that an SQLite connection has changed since it was opened.
    pub fn changes(&self) -> u64 {
        match self {
            Self::Sqlite(conn) => conn.total_changes(),
            _ => 0,
        }
    }
}

impl Conn<'_> {
    /// Folds SQLite's log into the file as far as its readers let it, and cuts it if all of it went in.
    pub fn fold_log(&mut self) -> Result<(), StoreError> {
        match self.0.side() {
            Side::Sqlite(conn) => embedded::fold_log(conn),
            Side::Postgres(..) => Ok(()),
        }
    }

    /// Releases some free pages to the file system, where the database does not do so itself. Returns the number of
    /// those left.
    pub fn give_back(&mut self) -> Result<u64, StoreError> {
        match self.0.side() {
            Side::Sqlite(conn) => embedded::give_back(conn),
            Side::Postgres(..) => Ok(0),
        }
    }
}
