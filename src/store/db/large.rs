//! Values as large as a mail: a row that has one is written without a further copy of the value.
//!
//! SQLite would copy it twice: when it is bound, and into the row. The row is stored with zeros in its place, and these are
//! written over (`embedded.rs`). The driver of PostgreSQL would copy it twice: into the arguments, and into what is sent. The
//! row is copied in instead (`copy`), piece by piece.

use sqlx::postgres::PgConnection;

use super::bulk::Bulk;
use super::rows::{BulkRow, COPY_END, COPY_HEAD, Datum, Sink, columns_of_row, fill, push_value};
use super::{Args, Conn, Shape, Side, StoreError, Value};

/// A value of a column in [`super::bulk::Large`] with more bytes than this is large.
pub(super) const WHOLE_BYTES_MAX: usize = 1 << 20;
/// What is sent to a server at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Cuts off the rows before the first that has a large value, and that row.
pub(super) fn cut<'r, T>(
    shape: Shape,
    bulk: &'static Bulk,
    rows: &mut &'r [T],
    bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
) -> Result<(&'r [T], Option<&'r T>), StoreError> {
    let all = std::mem::take(rows);
    let Some(large) = bulk.large() else {
        return Ok((all, None));
    };
    // Of rows that are copied in, Citus does not see to which server they go.
    if shape == Shape::Routed && bulk.is_by_domain() {
        return Ok((all, None));
    }
    for (nth, row) in all.iter().enumerate() {
        let mut look = Look {
            at: large.at,
            has: false,
        };
        fill(bulk, &mut look, row, bind)?;
        if look.has {
            *rows = &all[nth + 1..];
            return Ok((&all[..nth], Some(row)));
        }
    }
    Ok((all, None))
}

/// Looks whether a row has a large value.
struct Look {
    at: usize,
    has: bool,
}

impl Sink for Look {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        self.has |= nth == self.at && is_large(value);
        Ok(())
    }
}

fn is_large(value: Datum<'_>) -> bool {
    matches!(value, Datum::Blob(Some(value)) if value.len() > WHOLE_BYTES_MAX)
}

/// The values of a row, with nothing in the place of the large one.
struct Small {
    at: usize,
    values: Vec<Value>,
}

impl Sink for Small {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        Sink::push(
            &mut self.values,
            nth,
            if nth == self.at { Datum::Blob(Some(&[])) } else { value },
        )
    }
}

impl Conn<'_> {
    /// Writes one row with a large value to PostgreSQL; gives the number of rows that were added.
    pub(super) async fn put_large<T>(
        &mut self,
        bulk: &'static Bulk,
        row: &T,
        bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<u64, StoreError> {
        let (Some(large), Side::Postgres(conn, _)) = (bulk.large(), self.0.side()) else {
            return Ok(0);
        };
        if let Some(claim) = &large.claim {
            let mut small = Small {
                at: large.at,
                values: Vec::with_capacity(bulk.columns.len()),
            };
            fill(bulk, &mut small, row, bind)?;
            let key = claim.key.iter().map(|&nth| small.values[nth].clone());
            let key = key.fold(Args::default(), Args::value).into_postgres();
            let values = small.values.into_iter().fold(Args::default(), Args::value);
            let claimed = sqlx::query_with(bulk.for_one().text, values.into_postgres()).execute(&mut *conn);
            if claimed.await?.rows_affected() == 0 {
                return Ok(0);
            }
            sqlx::query_with(&*claim.remove, key).execute(conn).await?;
        }
        self.0.says_copying(true);
        let Side::Postgres(conn, _) = self.0.side() else {
            return Ok(0);
        };
        let added = copy(conn, bulk, &large.copy, row, bind).await;
        self.0.says_copying(false);
        added
    }
}

/// Copies one row in, a piece at a time.
async fn copy<T>(
    conn: &mut PgConnection,
    bulk: &'static Bulk,
    begin: &str,
    row: &T,
    bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
) -> Result<u64, StoreError> {
    let mut piece = Window::new(bulk);
    // Before the copy begins: what does not fit its statement is seen here.
    fill(bulk, &mut piece, row, bind)?;
    let mut copy = conn.copy_in_raw(begin).await?;
    let sent = async {
        copy.send(COPY_HEAD).await?;
        while !piece.data.is_empty() {
            copy.send(&*piece.data).await?;
            piece.go_on();
            if fill(bulk, &mut piece, row, bind).is_err() {
                break;
            }
        }
        copy.send(&COPY_END.to_be_bytes()[..]).await.map(drop)
    };
    match sent.await {
        Ok(()) => Ok(copy.finish().await?),
        // The server has said why by now, or it is gone.
        Err(error) => Ok(copy.finish().await.and(Err(error))?),
    }
}

/// A piece of a row in the form in which it is copied.
struct Window {
    columns: i16,
    /// Where the piece begins in the row.
    begin: usize,
    /// How far the row has been pushed.
    at: usize,
    data: Vec<u8>,
}

impl Window {
    /// The first piece.
    fn new(bulk: &Bulk) -> Self {
        Self {
            columns: columns_of_row(bulk.columns),
            begin: 0,
            at: 0,
            data: Vec::with_capacity(PIECE_BYTES),
        }
    }

    /// From now on the next one.
    fn go_on(&mut self) {
        self.begin += self.data.len();
        self.at = 0;
        self.data.clear();
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let from = self.begin.saturating_sub(self.at).min(bytes.len());
        let room = PIECE_BYTES - self.data.len();
        let until = bytes.len().min(from + room);
        self.data.extend_from_slice(&bytes[from..until]);
        self.at += bytes.len();
    }
}

impl Sink for Window {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        if nth == 0 {
            self.push_bytes(&self.columns.to_be_bytes());
        }
        push_value(|bytes| self.push_bytes(bytes), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::bulk::{Column, Conflict, Form, LARGE, blob, int, text};
    use super::super::rows::Tuples;
    use super::*;
    use crate::store::bulk;
    use crate::store::db::sqlite;

    const ROW: &[Column] = &[int("a"), text("b"), blob("bytes")];
    static ADD: Bulk = Bulk::insert("add", "originals", ROW, Conflict::Fail);
    static PUT: Bulk = Bulk::insert(
        "put",
        "set_aside_messages",
        &[blob("bytes"), int("a"), text("b")],
        Conflict::Keep("a, b"),
    );

    /// A value without a pattern.
    fn noise(len: usize) -> Vec<u8> {
        (0..len as u32)
            .map(|nth| (nth.wrapping_mul(2_654_435_761) >> 23) as u8)
            .collect()
    }

    #[test]
    fn the_pieces_of_a_row_are_the_row() {
        for len in [
            0,
            1,
            PIECE_BYTES - 40,
            PIECE_BYTES - 22,
            PIECE_BYTES,
            3 * PIECE_BYTES + 7,
            5 << 20,
        ] {
            let value = noise(len);
            let mut bind = |row: &mut BulkRow<'_>, value: &Vec<u8>| {
                row.push_int(7);
                row.push_opt_text(None);
                row.push_blob(value);
            };
            let mut whole = Tuples::new(ROW);
            fill(&ADD, &mut whole, &value, &mut bind).unwrap();
            let (mut window, mut pieces) = (Window::new(&ADD), COPY_HEAD.to_vec());
            loop {
                fill(&ADD, &mut window, &value, &mut bind).unwrap();
                assert!(
                    window.data.capacity() == PIECE_BYTES,
                    "a piece is all that is in memory"
                );
                if window.data.is_empty() {
                    break;
                }
                pieces.extend_from_slice(&window.data);
                window.go_on();
            }
            pieces.extend_from_slice(&COPY_END.to_be_bytes());
            assert!(pieces == whole.finish(), "{len}");
        }
    }

    #[test]
    fn rows_are_cut_at_large_values_where_they_can_be_written_so() {
        let lens = [5, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX + 1, 6, 2 * WHOLE_BYTES_MAX];
        let rows: Vec<_> = lens.iter().map(|&len| vec![0; len]).collect();
        let cut = |shape, bulk| {
            let mut bind = |row: &mut BulkRow<'_>, value: &Vec<u8>| {
                row.push_int(7);
                row.push_text("b");
                row.push_blob(value);
            };
            let (mut rest, mut cuts) = (&rows[..], Vec::new());
            while !rest.is_empty() {
                let (small, large) = super::cut(shape, bulk, &mut rest, &mut bind).unwrap();
                cuts.push((small.len(), large.map(Vec::len)));
            }
            cuts
        };
        let cuts = [(2, Some(WHOLE_BYTES_MAX + 1)), (1, Some(2 * WHOLE_BYTES_MAX))];
        assert_eq!(cut(Shape::Postgres, &ADD), cuts);
        assert_eq!(cut(Shape::Copied, &ADD), cuts);
        assert_eq!(
            cut(Shape::Routed, &ADD),
            [(5, None)],
            "originals are on several servers"
        );
        static OTHER: Bulk = Bulk::insert("other", "t", ROW, Conflict::Fail);
        assert_eq!(cut(Shape::Postgres, &OTHER), [(5, None)], "another table");
        static REPLACE: Bulk = Bulk::insert("replace", "originals", ROW, Conflict::Replace("a"));
        assert_eq!(
            cut(Shape::Postgres, &REPLACE),
            [(5, None)],
            "the row may be there already"
        );
    }

    #[test]
    fn a_row_that_may_be_there_is_claimed_by_its_key() {
        let put = PUT.large().unwrap();
        assert_eq!(
            (put.at, &*put.copy),
            (0, "copy set_aside_messages (bytes, a, b) from stdin (format binary)")
        );
        let claim = put.claim.as_ref().unwrap();
        assert_eq!(claim.key, [1, 2]);
        assert_eq!(claim.remove, "delete from set_aside_messages where (a, b) = ($1, $2)");
        assert!(ADD.large().unwrap().claim.is_none());
    }

    /// Else SQLite would make the zeros in memory, or not find the row again.
    #[tokio::test]
    async fn large_values_are_in_the_last_columns_of_tables_with_row_ids() {
        let folder = tempfile::tempdir().unwrap();
        let conn = sqlite::File::new(folder.path().join("t.sqlite"))
            .migrate()
            .await
            .unwrap();
        for (table, column) in LARGE {
            let last = "select name from pragma_table_info($1) order by cid desc limit 1";
            let last: String = conn.query_row(last, [table], |row| row.get(0)).unwrap();
            assert_eq!(last, column, "{table}");
            let row_id = conn.prepare(&format!("select rowid from {table}"));
            assert!(row_id.is_ok(), "{table}: {row_id:?}");
        }
        assert!(conn.prepare("select rowid from reports").is_err(), "the control");
    }

    #[test]
    fn every_statement_that_adds_a_mail_adds_large_ones() {
        let adds =
            |bulk: &&&Bulk| matches!(bulk.form, Form::Insert(_)) && LARGE.iter().any(|(table, _)| *table == bulk.table);
        let adding: Vec<_> = bulk::ALL.iter().filter(adds).collect();
        assert!(adding.len() >= 3);
        for bulk in adding {
            let large = bulk.large().expect(bulk.name);
            assert_eq!(bulk.columns[large.at].name, large.column, "{}", bulk.name);
        }
    }
}
