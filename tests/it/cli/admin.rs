//! Moving to another database, and backups: what docs/operating.md tells people to do.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

use super::{Home, report, stderr, stdout};
use crate::postgres::{Server, program};

/// A report about example.com of many records.
fn large_report(report_id: &str, count: u32, records: u32) -> String {
    let one = report(report_id, count);
    let (head, rest) = one.split_at(one.find("<record>").unwrap());
    let (record, tail) = rest.split_at(rest.find("</feedback>").unwrap());
    let mut text = head.to_owned();
    for nth in 0..records {
        let address = format!("10.{}.{}.{}", nth >> 16, nth >> 8 & 255, nth & 255);
        write!(text, "{}", record.replace("192.0.2.1", &address)).unwrap();
    }
    text + tail
}

/// What `verify` says of the database at this URL, all of it agreeing.
fn verified(home: &Home, url: &str) -> Value {
    let mut command = home.command(&["verify", "--json"]);
    let done = command.env("TALLYMARK__DATABASE__URL", url).assert().success();
    let verified: Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(verified["discrepancies"], Value::Array(Vec::new()));
    verified
}

fn file_url(home: &Home) -> String {
    format!(
        "sqlite://{}",
        home.path().join("tallymark-data/tallymark.sqlite").display()
    )
}

/// Originals in the target, the largest rows that there are; before the schema is there it has none.
async fn originals(conn: &mut PgConnection) -> i64 {
    let count = sqlx::query("select count(*) from originals").fetch_one(conn).await;
    count.map_or(0, |row| row.get(0))
}

/// Lets the copy run until the target has more originals than it had, then kills it; false if it was done before.
async fn killed(mut child: Child, conn: &mut PgConnection) -> bool {
    let before = originals(conn).await;
    while originals(conn).await <= before {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// The same report, which is stored as received: its middle looks like an archive in base64. Stored small, all reports would
/// be copied in one piece.
fn incompressible(mut report: String) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |nth: u32| char::from(LETTERS[(nth.wrapping_mul(2_654_435_761) >> 26) as usize]);
    let noise: String = (0..8_192).map(letter).collect();
    let half = report[..report.len() / 2].rfind("<record>").unwrap();
    report.insert_str(half, &format!("<!-- {noise} -->"));
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_killed_again_and_again_is_whole_in_the_end() {
    const RECORDS: u32 = 20_000;
    const REPORTS: u32 = 6;
    let home = Home::new();
    for nth in 0..REPORTS {
        home.file(
            &format!("in/{nth}.xml"),
            incompressible(large_report(&nth.to_string(), nth + 1, RECORDS)),
        );
    }
    home.run(&["import", "--add-domains", "in"]).success();
    let server = Server::shared();
    let (from, to) = (file_url(&home), server.url(&server.database().await));
    let mut conn = to.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let arguments = ["admin", "copy", "--from", &from, "--to", &to];
    for round in 0..4 {
        let child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
            .current_dir(home.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        assert!(
            killed(child, &mut conn).await,
            "round {round} was not killed: the test proves nothing"
        );
        let mut command = home.command(&["verify"]);
        let refused = command.env("TALLYMARK__DATABASE__URL", &to).assert().code(1);
        assert!(stderr(&refused).contains("a copy that is not finished"));
    }
    let said = stdout(&home.run(&arguments).success());
    assert!(
        said.starts_with("copied ") && said.contains(" were there before"),
        "{said}"
    );
    let whole = verified(&home, &to);
    assert_eq!(whole, verified(&home, &from));
    assert_eq!(whole["records"], REPORTS * RECORDS);

    // Once more does no harm: it holds something now.
    let refused = stderr(&home.run(&arguments).code(1));
    assert!(refused.contains("the target is not empty"), "{refused}");
}

#[test]
fn a_copy_from_nowhere_or_onto_itself_is_refused() {
    let home = Home::new();
    let from = file_url(&home);
    let nowhere = home.run(&["admin", "copy", "--from", &from, "--to", "sqlite://b.sqlite"]);
    assert!(stderr(&nowhere.code(1)).contains("there is no database at"));
    assert!(!home.path().join("b.sqlite").exists());
    home.run(&["accounts", "add", "acme"]).success();
    let itself = home.run(&["admin", "copy", "--from", &from, "--to", &from]);
    assert!(stderr(&itself.code(1)).contains("are the same database"));
}

/// Runs a line of docs/operating.md, with what differs here put in its place.
fn documented(line: &str, here: &[(&str, &str)], folder: &Path) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let says = std::fs::read_to_string(page).unwrap().contains(&format!("\n{line}\n"));
    assert!(says, "docs/operating.md does not say: {line}");
    let mut line = line.to_owned();
    for (there, here) in here {
        assert!(line.contains(there), "{line} has no {there}");
        line = line.replace(there, here);
    }
    let programs = program("pg_dump");
    let done = Command::new("sh")
        .args(["-c", &format!("PATH=\"$0:$PATH\"; {line}")])
        .arg(programs.parent().unwrap())
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{line}: {said}");
}

/// A database that is written to while `backup` makes a copy of it.
fn under_load(home: &Home, url: &str, backup: impl FnOnce()) {
    for nth in 0..600_u32 {
        let folder = if nth < 200 { "first" } else { "second" };
        home.file(&format!("{folder}/{nth}.xml"), report(&nth.to_string(), nth + 1));
    }
    let import = |folder: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
        command
            .current_dir(home.path())
            .args(["import", "--add-domains", folder]);
        command.env("TALLYMARK__DATABASE__URL", url);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    assert!(import("first").wait().unwrap().success());
    let mut second = import("second");
    backup();
    assert!(second.wait().unwrap().success());
}

/// What came before the backup is in it and adds up; what came since can be brought again, and counts once.
fn is_whole(home: &Home, restored: &str, original: &str) {
    let reports = verified(home, restored)["reports"].as_u64().unwrap();
    assert!((200..=600).contains(&reports), "{reports}");
    let mut command = home.command(&["import", "first", "second"]);
    command.env("TALLYMARK__DATABASE__URL", restored).assert().success();
    assert_eq!(verified(home, restored), verified(home, original));
}

#[test]
fn a_backup_of_a_file_is_made_while_it_is_written_to_and_restored() {
    let home = Home::new();
    let original = file_url(&home);
    let (file, copy) = ("/var/lib/tallymark/tallymark.sqlite", "/backup/tallymark.sqlite");
    let here = (
        format!("{}/tallymark-data/tallymark.sqlite", home.path().display()),
        format!("{}/copy.sqlite", home.path().display()),
    );
    under_load(&home, &original, || {
        let line = "sqlite3 /var/lib/tallymark/tallymark.sqlite \"vacuum into '/backup/tallymark.sqlite'\"";
        documented(line, &[(file, &here.0), (copy, &here.1)], home.path());
    });
    let line = "install -o tallymark -g tallymark -m 0600 /backup/tallymark.sqlite /var/lib/tallymark/tallymark.sqlite";
    let restored = format!("{}/restored.sqlite", home.path().display());
    let as_whom = ("-o tallymark -g tallymark ", "");
    documented(line, &[as_whom, (copy, &here.1), (file, &restored)], home.path());
    is_whole(&home, &format!("sqlite://{restored}"), &original);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgresql_is_made_while_it_is_written_to_and_restored() {
    let home = Home::new();
    let server = Server::shared();
    let original = server.url(&server.database().await);
    let restored = server.url(&server.database().await);
    let (url, dump) = ("postgres://tallymark@db.example/tallymark", "/backup/tallymark.dump");
    let here = format!("{}/tallymark.dump", home.path().display());
    under_load(&home, &original, || {
        let line = "pg_dump --format=custom --file=/backup/tallymark.dump 'postgres://tallymark@db.example/tallymark'";
        documented(line, &[(url, &original), (dump, &here)], home.path());
    });
    let line = "pg_restore --exit-on-error --no-owner --dbname='postgres://tallymark@db.example/tallymark' \
                /backup/tallymark.dump";
    documented(line, &[(url, &restored), (dump, &here)], home.path());
    is_whole(&home, &restored, &original);
}
