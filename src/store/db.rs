//! A connection as the bodies of this room see it: SQL text, arguments, rows. One body serves every dialect;
//! what differs between databases stays in this file and in `sqlite.rs`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use futures_util::TryStreamExt as _;
use futures_util::future::join;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _, SqlSafeStr as _, SqlStr};

use super::StoreError;

/// Arguments of one statement, in the order of its placeholders.
#[derive(Default)]
pub(super) struct Args(SqliteArguments);

/// Binding a value of a type that the databases know cannot fail; a text over 2 GiB could, and none gets here.
const BINDABLE: &str = "integers, texts and blobs within the message limit can be bound";

impl Args {
    pub fn with_capacity(values: usize) -> Self {
        let mut args = SqliteArguments::default();
        args.reserve(values, 0);
        Self(args)
    }

    pub fn int(mut self, value: i64) -> Self {
        self.push_int(value);
        self
    }

    pub fn text(mut self, value: &str) -> Self {
        self.push_text(value);
        self
    }

    pub fn blob(mut self, value: &[u8]) -> Self {
        self.push_blob(value);
        self
    }

    pub fn opt_int(mut self, value: Option<i64>) -> Self {
        self.0.add(value).expect(BINDABLE);
        self
    }

    pub fn opt_text(mut self, value: Option<&str>) -> Self {
        self.push_opt_text(value);
        self
    }

    pub fn push_int(&mut self, value: i64) {
        self.0.add(value).expect(BINDABLE);
    }

    pub fn push_opt_int(&mut self, value: Option<i64>) {
        self.0.add(value).expect(BINDABLE);
    }

    pub fn push_text(&mut self, value: &str) {
        self.0.add(value.to_owned()).expect(BINDABLE);
    }

    pub fn push_opt_text(&mut self, value: Option<&str>) {
        self.0.add(value.map(str::to_owned)).expect(BINDABLE);
    }

    pub fn push_blob(&mut self, value: &[u8]) {
        self.0.add(value.to_vec()).expect(BINDABLE);
    }

    pub fn push_opt_blob(&mut self, value: Option<&[u8]>) {
        self.0.add(value.map(<[u8]>::to_vec)).expect(BINDABLE);
    }
}

/// One row of an answer.
pub(super) struct Row(SqliteRow);

impl Row {
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }

    /// A count: never negative in the database.
    pub fn count(&self, column: usize) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.int(column)?).unwrap_or(0))
    }

    pub fn flag(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }

    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }

    pub fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }

    pub fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }

    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        self.0.try_get(column).map_err(StoreError::from)
    }
}

/// Runs statements on an open connection.
pub(super) struct Conn<'c>(pub &'c mut SqliteConnection);

impl Conn<'_> {
    /// Every row of the answer; only for answers that are small by their nature.
    pub async fn all(&mut self, sql: &'static str, args: Args) -> Result<Vec<Row>, StoreError> {
        let rows = sqlx::query_with(sql, args.0).fetch(&mut *self.0);
        Ok(rows.map_ok(Row).try_collect().await?)
    }

    /// The first row, if there is one.
    pub async fn first(&mut self, sql: &'static str, args: Args) -> Result<Option<Row>, StoreError> {
        Ok(sqlx::query_with(sql, args.0)
            .fetch_optional(&mut *self.0)
            .await?
            .map(Row))
    }

    /// Runs a statement; gives the number of rows it changed.
    pub async fn run(&mut self, sql: &'static str, args: Args) -> Result<u64, StoreError> {
        Ok(sqlx::query_with(sql, args.0)
            .execute(&mut *self.0)
            .await?
            .rows_affected())
    }

    /// Runs a statement with one `values` tuple once for as many rows as `rows` has, in pieces.
    /// `bind` adds the values of one row.
    pub async fn bulk<T>(
        &mut self,
        sql: &'static str,
        rows: &[T],
        mut bind: impl FnMut(&mut Args, &T),
    ) -> Result<(), StoreError> {
        let mut next = Piece::cut(sql, rows, &mut bind);
        while let Some((piece, rest)) = next {
            let running = sqlx::query_with(piece.sql, piece.args.0).execute(&mut *self.0);
            // SQLite works on a thread of its own: the values of the next piece are gathered meanwhile.
            let (done, following) = join(running, async { Piece::cut(sql, rest, &mut bind) }).await;
            done?;
            next = following;
        }
        Ok(())
    }

    /// As [`Self::bulk`], for questions: the rows of all answers.
    pub async fn bulk_all<T>(
        &mut self,
        sql: &'static str,
        rows: &[T],
        mut bind: impl FnMut(&mut Args, &T),
    ) -> Result<Vec<Row>, StoreError> {
        let mut answer = Vec::new();
        let mut rest = rows;
        while let Some((piece, after)) = Piece::cut(sql, rest, &mut bind) {
            rest = after;
            let mut found = sqlx::query_with(piece.sql, piece.args.0).fetch(&mut *self.0);
            while let Some(row) = found.try_next().await? {
                answer.push(Row(row));
            }
        }
        Ok(answer)
    }
}

/// Rows that one statement takes, with their values.
struct Piece {
    sql: SqlStr,
    args: Args,
}

impl Piece {
    /// The first piece of `rows` and the rows behind it; `None` if there are none.
    fn cut<'r, T>(sql: &'static str, rows: &'r [T], bind: &mut impl FnMut(&mut Args, &T)) -> Option<(Self, &'r [T])> {
        if rows.is_empty() {
            return None;
        }
        let statement = Expanded::of(sql, rows.len());
        let (piece, rest) = rows.split_at(statement.rows);
        let mut args = Args::with_capacity(piece.len() * statement.columns);
        piece.iter().for_each(|row| bind(&mut args, row));
        let sql = AssertSqlSafe(Arc::clone(&statement.text)).into_sql_str();
        Some((Self { sql, args }, rest))
    }
}

/// A statement whose `values` tuple has been repeated.
struct Expanded {
    text: Arc<str>,
    rows: usize,
    columns: usize,
}

/// Values a statement may carry: SQLite allows 32,766, PostgreSQL 65,535.
const VALUES_MAX: usize = 8_192;
/// Pieces come in these sizes, so that few texts are prepared.
const PIECES: [usize; 4] = [1_024, 128, 16, 1];

/// The texts made so far: a handful for each statement in `sql/`.
static EXPANDED: LazyLock<Mutex<HashMap<(usize, usize), Arc<Expanded>>>> = LazyLock::new(Mutex::default);

impl Expanded {
    /// The statement for the largest piece that `rows` rows fill.
    fn of(sql: &'static str, rows: usize) -> Arc<Self> {
        let (head, tuple, tail) = values_tuple(sql);
        let columns = tuple.matches('$').count();
        let fits = |piece: &usize| *piece <= rows && (piece * columns <= VALUES_MAX || *piece == 1);
        let rows = PIECES.into_iter().find(fits).unwrap_or(1);
        let mut made = EXPANDED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = made.entry((sql.as_ptr() as usize, rows));
        Arc::clone(entry.or_insert_with(|| {
            let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 3);
            text.push_str(head);
            for row in 0..rows {
                text.push_str(if row == 0 { "(" } else { ", (" });
                // A bare `?` is cheaper to bind in SQLite than `$n`, which is looked up by its name.
                for column in 0..columns {
                    text.push_str(if column == 0 { "?" } else { ", ?" });
                }
                text.push(')');
            }
            text.push_str(tail);
            Arc::new(Self {
                text: text.into(),
                rows,
                columns,
            })
        }))
    }
}

/// Splits a statement around the tuple that follows its (only) `values`.
fn values_tuple(sql: &'static str) -> (&'static str, &'static str, &'static str) {
    const SHAPE: &str = "a bulk statement has one tuple of placeholders behind `values`";
    let start = sql.rfind("values (").expect(SHAPE) + "values ".len();
    let end = start + sql[start..].find(')').expect(SHAPE) + 1;
    (&sql[..start], &sql[start..end], &sql[end..])
}
