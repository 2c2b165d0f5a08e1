//! One statement for many rows if the rows of a domain are on one of several servers (Citus).
//!
//! Citus sends a statement on as it is, and to one server only, if it sees which: `domain_id = $1` in a question, the same
//! number in every row of an insert. Of rows that come out of `unnest` it sees nothing until it has run that itself. So a
//! piece is the rows of one domain; an insert has them as tuples that share `$1`, a question has their keys as one array.

use sqlx::postgres::PgArguments;

use super::super::distribute::DISTRIBUTED;
use super::args::missing;
use super::bulk::values_tuple;
use super::{Args, StoreError, Value};

/// Of one piece; a row more than the bytes is still taken. PostgreSQL allows 65,535 values.
const ROWS_MAX: usize = 256;
const VALUES_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 << 20;

/// Whether this is a bulk statement about distributed rows.
pub(super) fn is_by_domain(sql: &str) -> bool {
    DISTRIBUTED.iter().any(|table| {
        let mut about = sql.match_indices(table).map(|(at, _)| &sql[at + table.len()..]);
        about.any(|rest| {
            let is_change = rest.starts_with(" set ") && rest.contains(" where (domain_id, ");
            is_change || rest.starts_with(" (domain_id, ") || rest.starts_with(" where (domain_id, ")
        })
    })
}

/// The statement and the arguments for the first of `rows`, which are taken from it.
pub(super) fn fill<T>(
    sql: &str,
    rows: &mut &[T],
    bind: &mut impl FnMut(&mut Args, &T),
) -> Result<(String, PgArguments), StoreError> {
    let wanted = values_tuple(sql).1.matches('$').count();
    let mut domain = None;
    let (mut values, mut count, mut columns, mut bytes) = (Vec::new(), 0, 1, 0);
    while let Some((row, rest)) = rows.split_first() {
        let mut args = Args::default();
        bind(&mut args, row);
        let mut row = args.into_values().into_iter();
        if row.len() != wanted {
            return Err(missing(sql, row.len() + 1));
        }
        let of = row.next();
        if count > 0 && of != domain {
            break;
        }
        *rows = rest;
        domain = of;
        columns = 1 + row.len();
        bytes += row.as_slice().iter().map(Value::bytes).sum::<usize>();
        values.extend(row);
        count += 1;
        if count == ROWS_MAX || (count + 1) * columns > VALUES_MAX || bytes >= BYTES_MAX {
            break;
        }
    }
    let domain = domain.ok_or_else(|| missing(sql, 1))?;
    if let Some(question) = question(sql) {
        return Ok((question, Args::with_array(domain, &values)?));
    }
    let args = values.into_iter().fold(Args::default().value(domain), Args::value);
    Ok((insert(sql, count, columns), args.into_postgres()))
}

/// `(domain_id, key) in (values ($1, $2))` as `domain_id = $1 and key = any ($2)`; `None` for a statement without.
fn question(sql: &str) -> Option<String> {
    const HEAD: &str = "(domain_id, ";
    const TAIL: &str = ") in (values ($1, $2))";
    let tail = sql.find(TAIL)?;
    let head = sql[..tail].rfind(HEAD)?;
    let key = &sql[head + HEAD.len()..tail];
    let (before, after) = (&sql[..head], &sql[tail + TAIL.len()..]);
    Some(format!("{before}domain_id = $1 and {key} = any ($2){after}"))
}

/// The tuple repeated: `($1, $2, $3), ($1, $4, $5)`.
fn insert(sql: &str, rows: usize, columns: usize) -> String {
    let (head, _, tail) = values_tuple(sql);
    let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 7);
    text.push_str(head);
    text.push_str("values ");
    let mut next = 2;
    for row in 0..rows {
        text.push_str(if row == 0 { "($1" } else { ", ($1" });
        for _ in 1..columns {
            text.push_str(&format!(", ${next}"));
            next += 1;
        }
        text.push(')');
    }
    text.push_str(tail);
    text
}

/// The statement as it is sent for two rows of one domain, or as it is in its file if it is for one.
pub(in super::super) fn text(sql: &str) -> String {
    let is_bulk = is_by_domain(sql) && sql.contains("values (");
    match question(sql) {
        Some(question) => question,
        None if is_bulk => insert(sql, 2, values_tuple(sql).1.matches('$').count()),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sql::sql;
    use super::*;

    /// The piece that is cut off `rows`, and how many stay.
    fn cut(sql: &str, mut rows: &[(i64, i64)]) -> (String, usize) {
        let filled = fill(sql, &mut rows, &mut |args, (domain, other)| {
            args.push_int(*domain);
            args.push_int(*other);
        });
        let (text, _) = filled.unwrap();
        (text, rows.len())
    }

    #[test]
    fn a_piece_is_of_one_domain() {
        let sql = "insert into days (domain_id, day) values ($1, $2)\non conflict do nothing";
        let rows = [(7, 1), (7, 2), (8, 1), (8, 2), (8, 3)];
        let text = "insert into days (domain_id, day) values ($1, $2), ($1, $3)\non conflict do nothing";
        assert_eq!(cut(sql, &rows), (text.to_owned(), 3));
        let many: Vec<_> = (0..1_000).map(|nth| (7, nth)).collect();
        assert_eq!(cut(sql, &many).1, 1_000 - ROWS_MAX);
    }

    #[test]
    fn only_what_lies_by_domain_is_put_so() {
        for (sql, is) in [
            (sql!("record_add"), true),
            (sql!("report_by_content"), true),
            (sql!("domain_move"), false),
        ] {
            assert_eq!(is_by_domain(sql), is, "{sql}");
        }
    }

    #[test]
    fn a_question_names_the_domain_and_all_keys() {
        let sql = "select a from days where (domain_id, day) in (values ($1, $2)) order by a";
        let text = "select a from days where domain_id = $1 and day = any ($2) order by a";
        assert_eq!(cut(sql, &[(7, 1), (7, 2), (8, 1)]), (text.to_owned(), 1));
    }
}
