//! Nothing of a redacted report that names a person is anywhere: in no file of the database, in no log.

use std::fs;
use std::path::Path;
use std::process::Command;

use tallymark::base::FailureReports;
use tallymark::store::DomainChanges;

use super::{SECRETS, fixtures};
use crate::cli::{Home, stdout};
use crate::mail::{Installation, Program, any_port};
use crate::smtp::Client;
use crate::store::NOW;

/// What a program that was sent all fixtures twice has on disk and in its log.
struct Seen {
    /// The secrets in any file of the database, its log among them, while it runs and after.
    running: Vec<&'static str>,
    stopped: Vec<&'static str>,
    /// In what the program logged.
    logged: Vec<&'static str>,
    installation: Installation,
}

async fn send_all(kept: FailureReports) -> Seen {
    let installation = Installation::new().await;
    let store = installation.store().await;
    let account = store.accounts().await.unwrap()[0].id;
    let changes = DomainChanges {
        failure_reports: Some(kept),
        ..DomainChanges::default()
    };
    store
        .update_domain(account, installation.domain, changes, NOW)
        .await
        .unwrap();
    store.close().await;
    let mut command = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    command.env("TALLYMARK__LOG__FILTER", "tallymark=trace");
    let program = Program::start(command);
    let mut client = Client::connect_silently(program.smtp).await;
    assert!(client.reply().await.starts_with("220"));
    client.expect("EHLO c\r\n", "250-").await;
    // One that says nothing of any mail is other mail.
    let reports = || fixtures().into_iter().filter(|(name, _)| name != "hostile-empty.eml");
    for (name, mail) in reports().chain(reports()) {
        let reply = client.mail(&[&installation.rua], &mail).await;
        assert!(reply.starts_with("250 2.0.0 queued"), "{name}: {reply}");
    }
    let running = found(installation.path());
    drop(client);
    let log = program.stop().join("\n");
    assert!(log.contains("message kept"), "nothing was logged of mails: {log}");
    let logged = SECRETS.into_iter().filter(|secret| log.contains(secret)).collect();
    Seen {
        running,
        stopped: found(installation.path()),
        logged,
        installation,
    }
}

/// The secrets that are in any file of a folder. Mails that are kept are packed: there may be none.
fn found(folder: &Path) -> Vec<&'static str> {
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(files.iter().any(|bytes| bytes.starts_with(b"SQLite format 3")));
    let is_in = |secret: &&str| {
        files
            .iter()
            .any(|bytes| memchr::memmem::find(bytes, secret.as_bytes()).is_some())
    };
    SECRETS.into_iter().filter(is_in).collect()
}

fn sqlite(database: &Path, sql: &str) -> String {
    let run = Command::new("sqlite3").arg(database).arg(sql).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_of_the_database_has_a_local_part() {
    let seen = send_all(FailureReports::Redacted).await;
    let database = seen.installation.path().join("tallymark.sqlite");
    let stored = sqlite(&database, "select count(*) from failure_reports");
    assert!(stored.parse::<usize>().unwrap() > 12, "{stored}");
    assert_eq!(sqlite(&database, "select min(arrivals) from failure_reports"), "2");
    // Bytes that are packed would not be found, so there must be none.
    for table in ["set_aside", "set_aside_messages", "originals"] {
        assert_eq!(
            sqlite(&database, &format!("select count(*) from {table}")),
            "0",
            "{table}"
        );
    }
    assert_eq!(
        (seen.running, seen.stopped, seen.logged),
        (Vec::new(), Vec::new(), Vec::new())
    );
}

/// The control: with header fields kept, the same search finds local parts and subjects. The body is never kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_fields_are_found_where_they_are_kept() {
    let seen = send_all(FailureReports::Headers).await;
    assert_eq!(seen.running, SECRETS[..4]);
    assert_eq!(seen.stopped, SECRETS[..4]);
    assert_eq!(seen.logged, Vec::<&str>::new());
}

/// Switched off, the mail is kept as other mail, and nothing of it is parsed into tables. Switched on later, it is read again, and
/// its bytes go.
#[test]
fn a_domain_that_reads_none_keeps_other_mail() {
    let home = Home::new();
    let mails = fixtures();
    let names: Vec<_> = mails.iter().map(|(name, _)| &**name).collect();
    for (name, bytes) in &mails {
        home.file(name, bytes);
    }
    home.run(&["domains", "add", "example.com"]).success();
    home.run(&[&["import"], &names[..]].concat());
    let database = home.path().join("tallymark-data/tallymark.sqlite");
    let ask = |sql: &str| sqlite(&database, sql);
    assert_eq!(ask("select count(*) from failure_reports"), "0");
    assert_eq!(
        ask("select group_concat(distinct kind || ' ' || reason) from set_aside"),
        "2 failure_report"
    );
    let kept = mails.len().to_string();
    assert_eq!(ask("select count(*) from set_aside_messages"), kept);
    ask("update domains set failure_reports = 1");
    let said = stdout(&home.run(&["quarantine", "replay", "--kind", "other"]));
    assert!(said.contains("failure report"), "{said}");
    // One names no domain, and came to no address of one.
    assert_eq!(ask("select count(*) from set_aside_messages"), "1");
    assert!(ask("select count(*) from failure_reports").parse::<u64>().unwrap() > 12);
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("failure reports, which are in no sum"), "{verified}");
}
