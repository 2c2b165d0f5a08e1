//! One statement for many rows if the rows of a domain are on one of several servers (Citus).
//!
//! Citus sends a statement on as it is, and to one server only, if it sees which: `domain_id = $1` in a question, the same
//! number in every row of an insert. Of rows that come out of `unnest` it sees nothing until it has run that itself. So a
//! piece is the rows of one domain; an insert has them as tuples that share `$1`, a question has their keys as one array.

use sqlx::postgres::PgArguments;

use super::bulk::{Bulk, Form};
use super::rows::{Arrays, BulkRow, Sink as _, fill};
use super::{Args, StoreError, Value};

/// Rows and bytes per piece. The row that exceeds the bytes is still included. PostgreSQL allows 65,535 values.
const ROWS_MAX: usize = 256;
const VALUES_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 << 20;

/// The statement and the arguments for the first of `rows`, which are taken from it.
pub(super) fn fill_piece<T>(
    bulk: &'static Bulk,
    rows: &mut &[T],
    bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
) -> Result<(String, PgArguments), StoreError> {
    let columns = bulk.columns.len();
    let mut domain = Value::Int(None);
    let (mut values, mut count, mut bytes) = (Vec::new(), 0, 0);
    while let Some((row, rest)) = rows.split_first() {
        let mut filled = Vec::with_capacity(columns);
        fill(bulk, &mut filled, row, bind)?;
        let mut filled = filled.into_iter();
        let of = filled.next().unwrap_or(Value::Int(None));
        if count > 0 && of != domain {
            break;
        }
        *rows = rest;
        domain = of;
        bytes += filled.as_slice().iter().map(Value::bytes).sum::<usize>();
        values.extend(filled);
        count += 1;
        if count == ROWS_MAX || (count + 1) * columns > VALUES_MAX || bytes >= BYTES_MAX {
            break;
        }
    }
    let text = text(bulk, count);
    let args = Args::default().value(domain);
    if !matches!(bulk.form, Form::Keyed(..)) {
        let args = values.into_iter().fold(args, Args::value);
        return Ok((text, args.into_postgres()));
    }
    let mut args = args.into_postgres();
    let mut keys = Arrays::new(&bulk.columns[1..]);
    for value in &values {
        keys.push(0, value.into())?;
    }
    keys.add_to(&mut args);
    Ok((text, args))
}

/// The statement for a number of rows of one domain: `domain_id = $1 and key = any ($2)`, or the tuple repeated:
/// `($1, $2, $3), ($1, $4, $5)`.
pub(in super::super) fn text(bulk: &Bulk, rows: usize) -> String {
    if let Form::Keyed(sql, after) = bulk.form {
        let [domain, key] = bulk.columns else {
            panic!("{} has a domain and one key", bulk.name)
        };
        return format!("{sql} where {} = $1 and {} = any ($2){after}", domain.name, key.name);
    }
    let columns = bulk.columns.len();
    let mut tuples = String::with_capacity(16 + rows * columns * 7);
    tuples.push_str("values ");
    let mut next = 2;
    for row in 0..rows {
        tuples.push_str(if row == 0 { "($1" } else { ", ($1" });
        for _ in 1..columns {
            tuples.push_str(&format!(", ${next}"));
            next += 1;
        }
        tuples.push(')');
    }
    bulk.with_rows(&tuples)
}

#[cfg(test)]
mod tests {
    use super::super::bulk::{Conflict, int};
    use super::*;

    static DAYS: Bulk = Bulk::insert(
        "days",
        "days",
        &[int("domain_id"), int("day")],
        Conflict::Keep("domain_id, day"),
    );
    static DAY_LIST: Bulk = Bulk::keyed_and(
        "day_list",
        "days",
        &[int("domain_id"), int("day")],
        ("select a from days", " order by a"),
    );

    /// The piece that is cut off `rows`, and how many stay.
    fn cut(bulk: &'static Bulk, mut rows: &[(i64, i64)]) -> (String, usize) {
        let filled = fill_piece(bulk, &mut rows, &mut |row, (domain, other)| {
            row.push_int(*domain);
            row.push_int(*other);
        });
        let (text, _) = filled.unwrap();
        (text, rows.len())
    }

    #[test]
    fn a_piece_is_of_one_domain() {
        let rows = [(7, 1), (7, 2), (8, 1), (8, 2), (8, 3)];
        let text =
            "insert into days (domain_id, day) values ($1, $2), ($1, $3) on conflict (domain_id, day) do nothing";
        assert_eq!(cut(&DAYS, &rows), (text.to_owned(), 3));
        let many: Vec<_> = (0..1_000).map(|nth| (7, nth)).collect();
        assert_eq!(cut(&DAYS, &many).1, 1_000 - ROWS_MAX);
    }

    #[test]
    fn a_question_names_the_domain_and_all_keys() {
        let text = "select a from days where domain_id = $1 and day = any ($2) order by a";
        assert_eq!(cut(&DAY_LIST, &[(7, 1), (7, 2), (8, 1)]), (text.to_owned(), 1));
    }
}
