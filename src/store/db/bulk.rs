//! Statements for many rows. Each is declared as data, and rendered for each database.
//!
//! On SQLite it runs once per row. A server gets each column as one array, so that its statement is the same for any number
//! of rows; through the socket of PostgreSQL, many new rows become a `copy`. `routed.rs` has the form for Citus.

use std::sync::OnceLock;

use super::args::Kind;
use super::{DISTRIBUTED, Statement, schema};

/// A column of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// A column of integers.
pub(in super::super) const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

/// A column of texts.
pub(in super::super) const fn text(name: &'static str) -> Column {
    let kind = Kind::Text;
    Column { name, kind }
}

/// A column of bytes.
pub(in super::super) const fn blob(name: &'static str) -> Column {
    let kind = Kind::Blob;
    Column { name, kind }
}

/// A statement for many rows: lives as long as the program.
#[derive(Debug)]
pub(in super::super) struct Bulk {
    pub name: &'static str,
    /// The table that is written to, or read first.
    pub table: &'static str,
    /// The values of a row, in this order.
    pub columns: &'static [Column],
    pub(super) form: Form,
    texts: OnceLock<Texts>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// New rows.
    Insert(Conflict),
    /// A question or a change about the rows with these keys: what is before the condition, and behind it.
    Keyed(&'static str, &'static str),
    /// A statement that reads the rows as the table `given`: what is behind their definition.
    Given(&'static str),
}

/// What becomes of a new row whose key is in the table.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Conflict {
    /// The statement fails.
    Fail,
    /// The row in the table stays. The columns of the key.
    Keep(&'static str),
    /// All other columns are replaced. The columns of the key.
    Replace(&'static str),
    /// The columns of the key, and what is set.
    Set(&'static str, &'static str),
}

/// The statement as it is sent.
#[derive(Debug)]
struct Texts {
    one: Statement,
    arrays: String,
    copy: Option<String>,
    large: Option<Large>,
}

/// The columns that have large values: the last of their tables, else SQLite would make a row of zeros in memory. SQLite finds
/// the value again by the row's `rowid`: these tables have one.
pub(super) const LARGE: [(&str, &str); 2] = [("originals", "bytes"), ("set_aside_messages", "bytes")];

/// A column that has large values, in a statement that adds rows or leaves those that are there as they are.
#[derive(Debug)]
pub(super) struct Large {
    pub table: &'static str,
    pub column: &'static str,
    /// Its position among the values of a row.
    pub at: usize,
    /// What begins a copy of the rows.
    pub copy: String,
    pub claim: Option<Claim>,
}

/// How a row is written if it may be there: one without the value is added, if there is none, and removed again. Until the
/// transaction ends, others wait that add the same.
#[derive(Debug)]
pub(super) struct Claim {
    /// The positions of the key among the values of a row.
    pub key: Vec<usize>,
    pub remove: String,
}

impl Large {
    fn for_bulk(bulk: &Bulk) -> Option<Self> {
        let key = match bulk.form {
            Form::Insert(Conflict::Fail) => None,
            Form::Insert(Conflict::Keep(key)) => Some(key),
            _ => return None,
        };
        let (table, column) = LARGE.into_iter().find(|(table, _)| *table == bulk.table)?;
        let position = |name: &str| bulk.columns.iter().position(|column| column.name == name);
        let claim = key.map(|key| {
            let positions: Vec<_> = key.split(", ").filter_map(position).collect();
            let numbers: Vec<_> = (1..=positions.len()).map(|nth| format!("${nth}")).collect();
            let numbers = numbers.join(", ");
            Claim {
                key: positions,
                remove: format!("delete from {table} where ({key}) = ({numbers})"),
            }
        });
        Some(Self {
            table,
            column,
            at: position(column)?,
            copy: bulk.render_copy(),
            claim,
        })
    }
}

impl Bulk {
    const fn new(name: &'static str, table: &'static str, columns: &'static [Column], form: Form) -> Self {
        Self {
            name,
            table,
            columns,
            form,
            texts: OnceLock::new(),
        }
    }

    /// New rows of a table.
    pub const fn insert(
        name: &'static str,
        table: &'static str,
        columns: &'static [Column],
        conflict: Conflict,
    ) -> Self {
        Self::new(name, table, columns, Form::Insert(conflict))
    }

    /// New rows of a table that the database described: it lives as long as the program, like those that are declared.
    pub fn of_table(table: &'static str, columns: &[schema::Column]) -> &'static Self {
        let column = |column: &schema::Column| Column {
            name: column.name.clone().leak(),
            kind: column.kind,
        };
        let columns = columns.iter().map(column).collect::<Vec<_>>().leak();
        Box::leak(Box::new(Self::insert("COPY", table, columns, Conflict::Fail)))
    }

    /// `sql` where a row has one of the keys.
    pub const fn keyed(name: &'static str, table: &'static str, keys: &'static [Column], sql: &'static str) -> Self {
        Self::new(name, table, keys, Form::Keyed(sql, ""))
    }

    /// As [`Self::keyed`], with what is behind the condition on the keys.
    pub const fn keyed_and(
        name: &'static str,
        table: &'static str,
        keys: &'static [Column],
        (sql, after): (&'static str, &'static str),
    ) -> Self {
        Self::new(name, table, keys, Form::Keyed(sql, after))
    }

    /// `sql`, which reads the rows as the table `given`.
    pub const fn given(name: &'static str, table: &'static str, columns: &'static [Column], sql: &'static str) -> Self {
        Self::new(name, table, columns, Form::Given(sql))
    }

    /// For one row, its values in order: on any database.
    pub fn for_one(&'static self) -> &'static Statement {
        &self.texts().one
    }

    /// For as many rows as the arrays have, one for each column: PostgreSQL.
    pub fn for_arrays(&'static self) -> &'static str {
        &self.texts().arrays
    }

    /// What begins a copy of the rows, if they can be copied: PostgreSQL.
    pub fn for_copy(&'static self) -> Option<&'static str> {
        self.texts().copy.as_deref()
    }

    /// How a row with a large value is written, if its table has a column of those.
    pub(super) fn large(&'static self) -> Option<&'static Large> {
        self.texts().large.as_ref()
    }

    /// Whether the rows of a domain, whose number is the first value, are on one of several servers.
    pub fn is_by_domain(&self) -> bool {
        DISTRIBUTED.contains(&self.table)
    }

    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| Texts {
            one: Statement::new(self.name, self.render_one().leak()),
            arrays: self.render_arrays(),
            copy: match self.form {
                Form::Insert(Conflict::Fail) => Some(self.render_copy()),
                _ => None,
            },
            large: Large::for_bulk(self),
        })
    }

    pub(super) fn render_copy(&self) -> String {
        format!("copy {} ({}) from stdin (format binary)", self.table, self.names())
    }

    /// The columns, with commas between them.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    fn render_one(&self) -> String {
        let numbers: Vec<_> = (1..=self.columns.len()).map(|nth| format!("${nth}")).collect();
        let tuple = format!("values ({})", numbers.join(", "));
        let Form::Keyed(sql, after) = self.form else {
            return self.with_rows(&tuple);
        };
        // One key is asked for as such: of a list, SQLite would make a table first.
        match self.columns {
            [key] => format!("{sql} where {} = $1{after}", key.name),
            _ => format!("{sql} where ({}) = ({}){after}", self.names(), numbers.join(", ")),
        }
    }

    fn render_arrays(&self) -> String {
        let arrays = (1..).zip(self.columns).map(|(nth, column)| {
            let of = match column.kind {
                Kind::Int => "bigint",
                Kind::Text => "text",
                Kind::Blob => "bytea",
            };
            format!("${nth}::{of}[]")
        });
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        let rows = format!("select * from unnest({arrays})");
        match self.form {
            Form::Keyed(sql, after) => format!("{sql} where ({}) in ({rows}){after}", self.names()),
            Form::Insert(_) | Form::Given(_) => self.with_rows(&rows),
        }
    }

    /// An insert of `rows`, or the statement that is given them.
    pub(super) fn with_rows(&self, rows: &str) -> String {
        match self.form {
            Form::Insert(conflict) => {
                let rule = self.rule(conflict);
                format!("insert into {} ({}) {rows}{rule}", self.table, self.names())
            }
            Form::Given(sql) | Form::Keyed(sql, _) => format!("with given ({}) as ({rows}) {sql}", self.names()),
        }
    }

    fn rule(&self, conflict: Conflict) -> String {
        let (key, set) = match conflict {
            Conflict::Fail => return String::new(),
            Conflict::Keep(key) => return format!(" on conflict ({key}) do nothing"),
            Conflict::Set(key, set) => (key, set.to_owned()),
            Conflict::Replace(key) => {
                let of_key: Vec<_> = key.split(", ").collect();
                let others = self.columns.iter().map(|column| column.name);
                let others = others.filter(|name| !of_key.contains(name));
                let set: Vec<_> = others.map(|name| format!("{name} = excluded.{name}")).collect();
                (key, set.join(", "))
            }
        };
        format!(" on conflict ({key}) do update set {set}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[int("a"), text("b"), blob("c")];

    #[track_caller]
    fn check(bulk: Bulk, one: &str, arrays: &str, copy: Option<&str>) {
        let bulk: &'static Bulk = Box::leak(Box::new(bulk));
        assert_eq!(bulk.for_one().text, one);
        assert_eq!(bulk.for_arrays(), arrays);
        assert_eq!(bulk.for_copy(), copy);
    }

    #[test]
    fn new_rows_are_rendered_for_each_database() {
        check(
            Bulk::insert("x", "t", COLUMNS, Conflict::Fail),
            "insert into t (a, b, c) values ($1, $2, $3)",
            "insert into t (a, b, c) select * from unnest($1::bigint[], $2::text[], $3::bytea[])",
            Some("copy t (a, b, c) from stdin (format binary)"),
        );
        for (conflict, rule) in [
            (Conflict::Keep("a"), "on conflict (a) do nothing"),
            (
                Conflict::Replace("a"),
                "on conflict (a) do update set b = excluded.b, c = excluded.c",
            ),
            (
                Conflict::Replace("a, c"),
                "on conflict (a, c) do update set b = excluded.b",
            ),
            (
                Conflict::Set("a, b", "c = t.c"),
                "on conflict (a, b) do update set c = t.c",
            ),
        ] {
            check(
                Bulk::insert("x", "t", COLUMNS, conflict),
                &format!("insert into t (a, b, c) values ($1, $2, $3) {rule}"),
                &format!("insert into t (a, b, c) select * from unnest($1::bigint[], $2::text[], $3::bytea[]) {rule}"),
                None,
            );
        }
    }

    #[test]
    fn keys_are_rendered_for_each_database() {
        check(
            Bulk::keyed_and("x", "t", &COLUMNS[..2], ("select c\nfrom t", " and b >= ''")),
            "select c\nfrom t where (a, b) = ($1, $2) and b >= ''",
            "select c\nfrom t where (a, b) in (select * from unnest($1::bigint[], $2::text[])) and b >= ''",
            None,
        );
        check(
            Bulk::keyed("x", "t", &COLUMNS[..1], "delete from t"),
            "delete from t where a = $1",
            "delete from t where (a) in (select * from unnest($1::bigint[]))",
            None,
        );
    }

    #[test]
    fn given_rows_are_rendered_for_each_database() {
        check(
            Bulk::given(
                "x",
                "t",
                &COLUMNS[..2],
                "update t set b = given.b from given where t.a = given.a",
            ),
            "with given (a, b) as (values ($1, $2)) update t set b = given.b from given where t.a = given.a",
            "with given (a, b) as (select * from unnest($1::bigint[], $2::text[])) \
             update t set b = given.b from given where t.a = given.a",
            None,
        );
    }
}
