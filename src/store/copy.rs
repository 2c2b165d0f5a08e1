//! Copying everything that a database holds into an empty one, of the other kind or the same.
//!
//! Table by table in the order of the primary keys, a piece a transaction: how far a copy came is how far the target's
//! keys go, so that it may end at any moment and be run again. Until it is finished, the target is not opened for
//! anything else. No other process writes to the source meanwhile; a write between two runs shows in its state.

use super::db::schema::{self, Table};
use super::db::{Args, Bulk, Conn, Kind, Link, Statement, Value};
use super::mark::IfBehind;
use super::sql::sql;
use super::{Connections, Location, Store, StoreError};

/// What is gathered of a table before it is written: rows, and bytes of their values (a row more is still taken).
const ROWS_MAX: i64 = 8_192;
const BYTES_MAX: usize = 4 << 20;
/// In every new database: what is in it comes with the copy.
const COUNTERS: &str = "counters";
/// About the copy itself.
const COPIES: &str = "copies";

/// What a run has copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    pub tables: u64,
    /// Rows that this run wrote, and those that runs before it had.
    pub rows: u64,
    pub rows_before: u64,
}

impl Store {
    /// As [`Store::open`], also where a copy into this database is not finished.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_to_copy(location: impl Into<Location>) -> Result<Self, StoreError> {
        let connections = Connections::default();
        Self::connect(location.into(), connections, IfBehind::Refuse).await
    }

    /// [`StoreError::Location`] where a copy into this database is not finished: what is missing would be counted as new.
    pub(super) async fn refuse_half_a_copy(&self, name: &str) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        let begun = Conn(&mut conn).first(sql!("copy_unfinished"), Args::default()).await?;
        match begun {
            None => Ok(()),
            Some(_) => Err(refused(format!(
                "{name} holds a copy that is not finished: run `tallymark admin copy` again"
            ))),
        }
    }

    /// Copies everything into `target`, which must be empty or hold an unfinished copy of this very state. This
    /// database is locked for writing meanwhile. `progress` gets (rows done, rows to do) of this run.
    ///
    /// # Errors
    /// [`StoreError::Location`] if the target holds anything else; any error leaves what was copied, for the next run.
    pub async fn copy_to(&self, target: &Self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Copied, StoreError> {
        let mut lock = self.write().await?;
        let (mut conn, _) = lock.parts();
        let mut tables = schema::tables(&mut conn).await?;
        tables.retain(|table| table.name != COPIES);
        conn.lock_tables(&tables.iter().map(|table| &*table.name).collect::<Vec<_>>())
            .await?;
        let mut link = self.walker().await?;
        let mut source = Conn(&mut link);
        let counts = counts(&mut source, &tables).await?;
        begin(target, &tables, &state(&mut source, &tables, &counts).await?).await?;

        let mut link = target.read().await?;
        let before: u64 = self::counts(&mut Conn(&mut link), &tables).await?.iter().sum();
        drop(link);
        let mut copied = Copied {
            tables: tables.len() as u64,
            rows: 0,
            rows_before: before,
        };
        let all = counts.iter().sum::<u64>().saturating_sub(before);
        for table in &tables {
            copy_table(&mut source, target, table, &mut |rows| {
                copied.rows += rows;
                progress(copied.rows, all);
            })
            .await?;
        }
        end(target, &tables, &counts).await?;
        lock.commit().await?;
        Ok(copied)
    }

    /// A connection to read everything with.
    pub(super) async fn walker(&self) -> Result<Link, StoreError> {
        match self.writers.walker()? {
            Some(link) => Ok(link),
            None => self.read().await,
        }
    }
}

fn refused(what: String) -> StoreError {
    StoreError::Location { what }
}

/// Rows of each table.
async fn counts(conn: &mut Conn<'_>, tables: &[Table]) -> Result<Vec<u64>, StoreError> {
    let mut counts = Vec::with_capacity(tables.len());
    for table in tables {
        let row = conn.first(
            Statement::leaked(format!("select count(*) as total from {}", table.name)),
            Args::default(),
        );
        counts.push(row.await?.map_or(Ok(0), |row| row.count("total"))?);
    }
    Ok(counts)
}

/// What tells a database from another, and from itself after it was written to: names, counters, numbers of rows.
async fn state(conn: &mut Conn<'_>, tables: &[Table], counts: &[u64]) -> Result<String, StoreError> {
    let mut state = String::new();
    for (table, count) in tables.iter().zip(counts) {
        state += &format!("{} {count}\n", table.name);
    }
    for row in conn.all(sql!("copy_counters"), Args::default()).await? {
        state += &format!("{} at {}\n", row.text("name")?, row.int("value")?);
    }
    if let Some(row) = conn.first(sql!("copy_arrivals"), Args::default()).await? {
        state += &format!("arrivals {}\n", row.int("arrivals")?);
    }
    if let Some(row) = conn.first(sql!("copy_tokens"), Args::default()).await? {
        state += &format!("domains {} to {}\n", row.text("first_token")?, row.text("last_token")?);
    }
    Ok(state)
}

/// Makes the target one that holds a copy of this state which is not finished, or finds that it is.
async fn begin(target: &Store, tables: &[Table], state: &str) -> Result<(), StoreError> {
    let mut write = target.write().await?;
    let (mut conn, _) = write.parts();
    if let Some(row) = conn.first(sql!("copy_unfinished"), Args::default()).await? {
        if row.text("state")? == state {
            return Ok(());
        }
        return Err(refused(
            "the target holds an unfinished copy of another database, or of this one before it was written to: \
             empty it (drop and make the database again, or remove the file)"
                .to_owned(),
        ));
    }
    for table in tables.iter().filter(|table| table.name != COUNTERS) {
        let any = Statement::leaked(format!("select 1 from {} limit 1", table.name));
        if conn.first(any, Args::default()).await?.is_some() {
            return Err(refused(format!(
                "the target is not empty: there are rows in {}. Copy into a new database",
                table.name
            )));
        }
    }
    conn.run(sql!("copy_begin"), Args::default().text(state)).await?;
    conn.run(sql!("copy_clear_counters"), Args::default()).await?;
    write.commit().await
}

/// Everything is there: from now on the target is a database as any other.
async fn end(target: &Store, tables: &[Table], expected: &[u64]) -> Result<(), StoreError> {
    let mut write = target.write().await?;
    let (mut conn, _) = write.parts();
    let counts = counts(&mut conn, tables).await?;
    for ((table, count), expected) in tables.iter().zip(counts).zip(expected) {
        if count != *expected {
            let what = format!("{count} rows were copied of {expected}");
            return Err(StoreError::damaged("copy", &table.name, &what));
        }
    }
    conn.run(sql!("copy_end"), Args::default()).await?;
    write.commit().await
}

/// The statements about one table.
struct Statements {
    /// The first rows, and those after a key; the last placeholder is how many.
    first: &'static Statement,
    after: &'static Statement,
    last_key: &'static Statement,
    insert: &'static Bulk,
}

impl Statements {
    fn for_table(table: &Table) -> Self {
        let name = &table.name;
        let columns: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        let columns_text = columns.join(", ");
        let key = table.key_names();
        let (keys, descending) = (key.join(", "), key.join(" desc, "));
        let placeholders = |count: usize| (1..=count).map(|nth| format!("${nth}")).collect::<Vec<_>>().join(", ");
        let of_key = placeholders(key.len());
        let limit = key.len() + 1;
        Self {
            first: Statement::leaked(format!("select {columns_text} from {name} order by {keys} limit $1")),
            after: Statement::leaked(format!(
                "select {columns_text} from {name} where ({keys}) > ({of_key}) order by {keys} limit ${limit}"
            )),
            last_key: Statement::leaked(format!("select {keys} from {name} order by {descending} desc limit 1")),
            insert: Bulk::of_table(name.clone().leak(), &table.columns),
        }
    }
}

async fn copy_table(
    source: &mut Conn<'_>,
    target: &Store,
    table: &Table,
    wrote: &mut (dyn FnMut(u64) + Send),
) -> Result<(), StoreError> {
    let statements = Statements::for_table(table);
    let key_kinds: Vec<Kind> = table.key.iter().map(|&nth| table.columns[nth].kind).collect();
    let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    let mut link = target.read().await?;
    let last = Conn(&mut link).first(statements.last_key, Args::default()).await?;
    let mut after = last.map(|row| row.values(&key_kinds)).transpose()?;
    drop(link);
    let mut limit = ROWS_MAX;
    loop {
        let (statement, mut args) = match after.take() {
            None => (statements.first, Args::default()),
            Some(key) => (statements.after, key.into_iter().fold(Args::default(), Args::value)),
        };
        args = args.int(limit);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        source
            .walk(statement, args, |row| {
                let values = row.values(&kinds)?;
                bytes += values.iter().map(Value::bytes).sum::<usize>();
                rows.push(values);
                Ok(bytes < BYTES_MAX)
            })
            .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(table.key.iter().map(|&nth| last[nth].clone()).collect());
        // What was asked for and not taken is read in vain: the next piece is asked for as large as this one was.
        let average = i64::try_from(bytes / rows.len()).unwrap_or(i64::MAX).max(1);
        limit = (BYTES_MAX as i64 / average).clamp(1, ROWS_MAX);

        let mut write = target.write().await?;
        let (mut conn, _) = write.parts();
        conn.bulk(statements.insert, &rows, |args, row| {
            row.iter().for_each(|value| args.push(value));
        })
        .await?;
        write.commit().await?;
        wrote(rows.len() as u64);
        // SQLite never waits: without this, a copy from one file to another could not be stopped halfway.
        tokio::task::yield_now().await;
    }
}
