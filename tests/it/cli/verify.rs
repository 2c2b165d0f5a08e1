//! SM10: `tallymark verify` tells damage: of the file, of its log, of what is kept. It names the table and the row.

use std::fs;
use std::path::Path;

use super::{Home, report, stdout};
use crate::sqlite;

/// An installation with two counted reports and a message set aside.
fn home_with_reports() -> Home {
    let home = Home::new();
    home.file("in/1.xml", report("one", 3));
    home.file("in/2.xml", report("two", 4));
    home.file(
        "in/3.xml",
        report("three", 5).replace("<domain>example.com</domain><p>", "<domain>example.org</domain><p>"),
    );
    home.run(&["domains", "add", "example.com"]).success();
    home.run(&["import", "in"]).success();
    home
}

fn database(home: &Home) -> std::path::PathBuf {
    home.path().join("tallymark-data/tallymark.sqlite")
}

/// What verify says of a damaged installation, in text and as JSON.
fn told(home: &Home) -> String {
    let json = stdout(&home.run(&["verify", "--json"]).code(1));
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(!parsed["discrepancies"].as_array().unwrap().is_empty(), "{json}");
    let text = stdout(&home.run(&["verify"]).code(1));
    assert!(!text.contains("all figures agree"), "{text}");
    for name in ["FacetKey", "Day(", "Totals", "Some("] {
        assert!(!text.contains(name), "{name} in {text}");
    }
    text
}

/// A list says when it is cut: the number is that of all.
#[tokio::test]
async fn a_long_list_of_what_is_wrong_says_that_it_is_cut() {
    let home = home_with_reports();
    let days = |count: u32| {
        format!(
            "insert into daily_totals (domain_id, day, vouched, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, reports)
             with recursive days (day) as (select 1 union all select day + 1 from days where day < {count})
             select (select min(domain_id) from domains), day, 0, 1, 0, 0, 0, 1, 0, 0, 0 from days"
        )
    };
    sqlite(&database(&home), &days(1_000)).await;
    let all = told(&home);
    assert!(
        all.contains("1,000 things are wrong:") && !all.contains("not listed"),
        "{all}"
    );
    sqlite(&database(&home), "delete from daily_totals where day <= 1000").await;
    sqlite(&database(&home), &days(1_234)).await;
    let cut = told(&home);
    assert!(cut.contains("1,234 things are wrong:"), "{cut}");
    assert!(cut.contains("and 234 more that are not listed"), "{cut}");
}

#[tokio::test]
async fn changed_rows_are_named_with_table_and_row() {
    let home = home_with_reports();
    let sound = stdout(&home.run(&["verify"]).success());
    assert!(sound.contains("all figures agree"), "the control: {sound}");
    let whole = fs::read(database(&home)).unwrap();
    for (statement, parts) in [
        (
            "update originals set bytes = x'00' where report_no = (select min(report_no) from originals)",
            &["originals, report ", "not those that were stored"][..],
        ),
        ("update originals set bytes = bytes || x'20'", &["originals, report "]),
        (
            "update set_aside_messages set bytes = zeroblob(10)",
            &["set_aside_messages, message 1"],
        ),
        (
            "update reports set org_name = cast(x'ff41' as text)",
            &["reports report_no=", "utf-8"],
        ),
        (
            "update reports set report_id = cast(x'80' as text) where report_no = (select max(report_no) from reports)",
            &["reports report_no=", "utf-8"],
        ),
        ("update records set content = x'ffffff'", &["records"]),
    ] {
        fs::write(database(&home), &whole).unwrap();
        sqlite(&database(&home), statement).await;
        let said = told(&home);
        for part in parts {
            assert!(said.contains(part), "{statement}: no {part:?} in {said}");
        }
    }
    // One figure, in words and in good grammar.
    fs::write(database(&home), &whole).unwrap();
    sqlite(
        &database(&home),
        "update daily_facets set pass = 99 where kind = 0 or kind = 1",
    )
    .await;
    let said = told(&home);
    assert!(
        said.contains("reporter \"Reporter\"") && said.contains("99 passed"),
        "{said}"
    );
    fs::write(database(&home), &whole).unwrap();
    sqlite(&database(&home), "update daily_totals set pass = 99").await;
    let said = told(&home);
    assert!(
        said.contains("1 thing is wrong:") && said.contains("daily_totals says 99 passed"),
        "{said}"
    );
}

/// As in the catalogue: four bytes of the head of a page; and other pages and places of it.
#[test]
fn a_damaged_page_is_reported() {
    let home = home_with_reports();
    let whole = fs::read(database(&home)).unwrap();
    let conn = rusqlite::Connection::open(database(&home)).unwrap();
    let roots: Vec<(String, usize)> = ["originals", "records", "set_aside_messages", "reports_by_content"]
        .map(|name| {
            let page: i64 = conn
                .query_row("select rootpage from sqlite_schema where name = ?1", [name], |row| {
                    row.get(0)
                })
                .unwrap();
            (name.to_owned(), usize::try_from(page).unwrap())
        })
        .into();
    drop(conn);
    for (name, page) in roots {
        for place in [3, 5, 8] {
            let mut damaged = whole.clone();
            let at = (page - 1) * 4_096 + place;
            damaged[at..at + 2].copy_from_slice(&[0xff, 0xff]);
            fs::write(database(&home), damaged).unwrap();
            let done = home.run(&["verify"]).code(1);
            let said = stdout(&done);
            assert!(said.contains("the database file is damaged"), "{name}, {place}: {said}");
            assert!(!said.contains("all figures agree"), "{name}, {place}: {said}");
        }
    }
    fs::write(database(&home), &whole).unwrap();
    home.run(&["verify"]).success();
}

/// The files of a database whose process was killed: the log holds the imports.
fn copy_as_killed(home: &Home, to: &Path) {
    let conn = rusqlite::Connection::open(database(home)).unwrap();
    // It reads until the copy is made, so that no command can fold the log in when it ends.
    conn.execute_batch("begin").unwrap();
    conn.query_row("select count(*) from reports", [], |row| row.get::<_, i64>(0))
        .unwrap();
    for nth in 0..8 {
        let name = format!("more/{nth}.xml");
        home.file(&name, report(&format!("more {nth}"), 10 + nth));
        home.run(&["import", &name]).success();
    }
    fs::create_dir_all(to).unwrap();
    for name in ["tallymark.sqlite", "tallymark.sqlite-wal"] {
        fs::copy(home.path().join("tallymark-data").join(name), to.join(name)).unwrap();
    }
    drop(conn);
}

#[test]
fn a_damaged_log_is_reported_until_it_is_dealt_with() {
    let home = home_with_reports();
    let copy = home.path().join("copy");
    let log = copy.join("tallymark.sqlite-wal");
    copy_as_killed(&home, &copy);
    let (file, whole) = (
        fs::read(copy.join("tallymark.sqlite")).unwrap(),
        fs::read(&log).unwrap(),
    );
    let said = stdout(&home.run(&["--data", "copy", "verify"]).success());
    assert!(
        said.contains("10 reports") && said.contains("all figures agree"),
        "the control: {said}"
    );
    for (nth, part) in [3, 2].into_iter().enumerate() {
        fs::write(copy.join("tallymark.sqlite"), &file).unwrap();
        let mut damaged = whole.clone();
        let place = 32 + (whole.len() / 4_120 / part) * 4_120 + 100;
        damaged[place] ^= 4;
        fs::write(&log, damaged).unwrap();
        // Whichever command is the first to open it.
        if nth == 1 {
            home.run(&["--data", "copy", "domains", "list"]).success();
        }
        for _ in 0..2 {
            let said = stdout(&home.run(&["--data", "copy", "verify"]).code(1));
            assert!(said.contains("the database's log was damaged"), "{said}");
            assert!(said.contains("tallymark.sqlite-wal.damaged-1"), "{said}");
        }
        fs::remove_file(copy.join("tallymark.sqlite-wal.damaged-1")).unwrap();
        let said = stdout(&home.run(&["--data", "copy", "verify"]).success());
        assert!(!said.contains("10 reports"), "what was lost is lost: {said}");
    }
}
