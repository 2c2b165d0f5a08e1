//! Whether what is stored can be read: the file as a whole, its log, and the bytes that are kept.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::db::{Args, Conn, sqlite};
use super::sql::sql;
use super::{Behind, Discrepancy, StoreError, log, stored_bytes};
use crate::base::DomainId;

/// Faults that are listed of one kind.
const LISTED_MAX: usize = 100;

/// What is told of a fault that belongs to no domain.
const NO_DOMAIN: &str = "-";

/// What cannot be read, or is not what was stored. Everything is read once.
///
/// # Errors
/// If the database cannot be asked at all.
pub(super) async fn damage(conn: &mut Conn<'_>) -> Result<Vec<Discrepancy>, StoreError> {
    let mut found = Vec::new();
    file(conn, &mut found).await?;
    for row in conn.all(sql!("domain_all"), Args::default()).await? {
        let domain = DomainId(row.int("domain_id")?);
        let name = row.text("name").unwrap_or_else(|_| format!("domain {domain}"));
        originals(conn, domain, &name, &mut found).await;
    }
    messages_set_aside(conn, &mut found).await;
    Ok(found)
}

/// The logs that were damaged when the database was opened: what was behind the damage is gone.
pub(super) fn damaged_logs(database: &Path) -> Vec<Discrepancy> {
    let copies = log::damaged(database);
    let told = copies.iter().map(|copy| {
        of_file(format!(
            "the database's log was damaged, and what it had stored is gone: have those reports sent or import them again, \
             then remove {}",
            copy.display()
        ))
    });
    told.collect()
}

/// What only the log had that is missing.
pub(super) fn behind(Behind { acknowledged, stored }: Behind) -> Discrepancy {
    of_file(format!(
        "what was stored last is gone: the database ends with commit {stored}, and commit {acknowledged} was acknowledged. Its \
         log (-wal) is missing or was cut off, or an older copy of it is in its place. Put the log back if it is still there, \
         or restore the newest backup; `tallymark admin restored` accepts it as it is"
    ))
}

/// SQLite's own check of its file. PostgreSQL checks what it reads by itself.
async fn file(conn: &mut Conn<'_>, found: &mut Vec<Discrepancy>) -> Result<(), StoreError> {
    if !conn.is_sqlite() {
        return Ok(());
    }
    let checked = conn.all(&sqlite::INTEGRITY_CHECK, Args::default()).await;
    let rows = match checked {
        Ok(rows) => rows,
        Err(error @ StoreError::Unavailable(_)) => return Err(error),
        Err(error) => {
            found.push(of_file(format!("the database file is damaged: {error}")));
            return Ok(());
        }
    };
    for row in rows {
        for line in row.text("integrity_check")?.lines() {
            // "ok", or a heading before the faults.
            if line == "ok" || line.starts_with("***") {
                continue;
            }
            let table = match tree(line) {
                Some(page) => table_at(conn, page).await?,
                None => None,
            };
            let table = table.map_or_else(String::new, |name| format!("{name}: "));
            found.push(of_file(format!("the database file is damaged: {table}{line}")));
        }
    }
    Ok(())
}

fn of_file(what: String) -> Discrepancy {
    Discrepancy {
        domain: NO_DOMAIN.to_owned(),
        what,
    }
}

/// The root page of the table or index that a fault is in: `Tree 12 page 12 cell 3: ...`.
fn tree(line: &str) -> Option<i64> {
    let rest = line.strip_prefix("Tree ")?;
    rest.split(' ').next()?.parse().ok()
}

async fn table_at(conn: &mut Conn<'_>, page: i64) -> Result<Option<String>, StoreError> {
    let row = conn.first(&sqlite::AT_ROOT_PAGE, Args::default().int(page)).await;
    // The schema itself may be what is damaged.
    row.ok().flatten().map(|row| row.text("name")).transpose()
}

/// The mails of reports: each is read, unpacked and compared with its digest.
async fn originals(conn: &mut Conn<'_>, domain: DomainId, name: &str, found: &mut Vec<Discrepancy>) {
    let mut check = Check::new(name, "originals", "report");
    let args = Args::default().int(domain.0);
    let walked = conn
        .walk(sql!("original_all"), args, |row| {
            check.begin(row.int("report_no")?);
            check.end(row.blob("digest")?, row.opt_int("unpacked_len")?, row.blob("bytes")?)
        })
        .await;
    check.finish(walked, found);
}

/// The messages that were set aside, over all accounts.
async fn messages_set_aside(conn: &mut Conn<'_>, found: &mut Vec<Discrepancy>) {
    let mut check = Check::new(NO_DOMAIN, "set_aside_messages", "message");
    let mut nth = 0;
    let walked = conn
        .walk(sql!("set_aside_message_all"), Args::default(), |row| {
            nth += 1;
            check.begin(nth);
            check.end(row.blob("digest")?, row.opt_int("unpacked_len")?, row.blob("bytes")?)
        })
        .await;
    check.finish(walked, found);
}

/// A walk over the bytes of one table, and where it is.
struct Check<'n> {
    domain: &'n str,
    table: &'static str,
    row: &'static str,
    number: Option<i64>,
    found: Vec<Discrepancy>,
}

impl<'n> Check<'n> {
    fn new(domain: &'n str, table: &'static str, row: &'static str) -> Self {
        Self {
            domain,
            table,
            row,
            number: None,
            found: Vec::new(),
        }
    }

    fn begin(&mut self, number: i64) {
        self.number = Some(number);
    }

    /// Checks that a row that could be read is the stored one. Continues until too many were not.
    fn end(&mut self, digest: &[u8], unpacked_len: Option<i64>, bytes: &[u8]) -> Result<bool, StoreError> {
        let is_whole = stored_bytes::unpack(unpacked_len, bytes).is_some_and(|bytes| digest == message_digest(&bytes));
        if !is_whole {
            self.add("its bytes are not those that were stored");
        }
        Ok(self.found.len() < LISTED_MAX)
    }

    fn add(&mut self, what: &str) {
        let place = match self.number {
            Some(number) => format!("{} {number}", self.row),
            None => "first row".to_owned(),
        };
        self.found.push(Discrepancy {
            domain: self.domain.to_owned(),
            what: format!("{}, {place}: {what}", self.table),
        });
    }

    fn finish(mut self, walked: Result<(), StoreError>, found: &mut Vec<Discrepancy>) {
        if let Err(error) = walked {
            self.add(&format!("it, or the one behind it, cannot be read: {error}"));
        }
        found.extend(self.found);
    }
}

/// What a message is known by: the first half of its SHA-256.
pub fn message_digest(bytes: &[u8]) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::digest(bytes).into();
    *whole.first_chunk().expect("32 bytes begin with 16")
}

/// Why the figures could not be compared.
pub(super) fn not_recounted(error: &StoreError) -> Discrepancy {
    of_file(format!("the figures cannot be recounted: {error}"))
}
