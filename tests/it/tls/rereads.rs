//! TLS reports that an earlier version kept as other mail are counted after the upgrade, without anyone's doing.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tallymark::base::clock::Clock;
use tallymark::ingest::{Intake, IntakeOptions};
use tallymark::metrics::Metrics;
use tallymark::store::{Location, NewMessage, message_digest};

use crate::http::posts::report_about;
use crate::store::{Database, Dialect, fresh, message, on_both};

/// The longest that anything may take to happen, other tests running beside.
const PATIENCE: Duration = Duration::from_secs(120);

/// A message that was kept as other mail.
fn other(db: &Database, message_bytes: String, word: &'static str) -> NewMessage {
    NewMessage {
        digest: message_digest(message_bytes.as_bytes()),
        bytes: message_bytes.into_bytes().into(),
        received_at: Clock::system().now(),
        other: Some(word),
        ..message(db.account.id, Vec::new())
    }
}

/// A mail with a TLS report, as a version kept it that did not read such reports.
fn unread(db: &Database, nth: u64) -> NewMessage {
    let head = "From: tls@reporter.example\r\nSubject: Report Domain: example.com\r\nContent-Type: application/tlsrpt+json\r\n\r\n";
    other(db, format!("{head}{}", report_about("example.com", nth)), "tls_report")
}

/// Keeps `reports` TLS reports as other mail, and between them some mail without a report.
async fn keep(db: &Database, reports: u64) {
    let mails = (1..=reports).flat_map(|nth| {
        let mail = format!("From: a@b.example\r\nSubject: Hello\r\n\r\nHello, {nth}\r\n");
        let mail = (nth % 5 == 0).then(|| other(db, mail, "mail"));
        std::iter::once(unread(db, nth)).chain(mail)
    });
    db.commit_all(mails.collect()).await;
}

/// Counted reports and their sessions, and messages set aside.
async fn counts(db: &Database) -> [i64; 3] {
    [
        db.count("select count(*) from tls_reports where counted = 1").await,
        db.count("select cast(coalesce(sum(successful), 0) as bigint) from daily_tls where kind = 1")
            .await,
        db.count("select count(*) from set_aside").await,
    ]
}

fn intake(db: &Database, metrics: &Metrics) -> Intake {
    let options = IntakeOptions::new(fresh);
    Intake::start(Clock::system(), db.store.clone(), metrics.clone(), options).0
}

on_both!(other_mail_is_read_again_once);
async fn other_mail_is_read_again_once(db: Database) {
    keep(&db, 10).await;
    let metrics = Metrics::new();
    let intake = intake(&db, &metrics);
    let first = intake.read_again().await.unwrap();
    assert_eq!((first.messages, first.found.counted, first.ended), (12, 10, true));
    let all = [10, 55, 2];
    assert_eq!(counts(&db).await, all);
    let (figures, _) = metrics.encode();
    for line in [
        "tallymark_reread_messages_total{outcome=\"report\"} 10",
        "tallymark_reread_messages_total{outcome=\"none\"} 2",
        "tallymark_tls_reports_total{outcome=\"stored\"} 10",
        "tallymark_tls_sessions_total{policy=\"sts\",result=\"successful\"} 55",
    ] {
        assert!(figures.lines().any(|other| other == line), "{line}\n{figures}");
    }
    // As after a kill behind the last message, before that was noted.
    db.execute("update rereads set next_id = 0").await;
    let again = intake.read_again().await.unwrap();
    assert_eq!((again.messages, again.found.messages), (2, 0));
    assert_eq!(counts(&db).await, all);
    // What this version set aside itself it does not read again.
    db.commit_all(vec![unread(&db, 99)]).await;
    assert_eq!(intake.read_again().await.unwrap().messages, 0);
    assert_eq!(counts(&db).await, [10, 55, 3]);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

on_both!(a_damaged_row_is_passed_over);
async fn a_damaged_row_is_passed_over(db: Database) {
    keep(&db, 3).await;
    let second = "digest = (select digest from set_aside where set_aside_id = 2)";
    db.execute(&format!(
        "update set_aside_messages set unpacked_len = 7 where {second}"
    ))
    .await;
    let metrics = Metrics::new();
    let first = intake(&db, &metrics).read_again().await.unwrap();
    assert!(first.failed.is_none() && first.ended);
    assert_eq!((first.messages, first.found.counted), (2, 2));
    // It stays where it is, to be looked at.
    assert_eq!(counts(&db).await, [2, 4, 1]);
    let (figures, _) = metrics.encode();
    assert!(
        figures.contains("tallymark_reread_messages_total{outcome=\"failed\"} 1\n"),
        "{figures}"
    );
}

on_both!(other_mail_is_read_in_pieces);
async fn other_mail_is_read_in_pieces(db: Database) {
    keep(&db, 10).await;
    // What is not other mail counts towards a piece, and is not in it.
    db.execute("update set_aside set kind = 1 where set_aside_id in (2, 4, 5)")
        .await;
    let mut left = db.store.reread_left(1).await.unwrap().unwrap();
    let (mut seen, mut pieces) = (Vec::new(), 0);
    while left.next < left.end {
        let piece = db.store.reread_piece(left, 3).await.unwrap();
        assert!(left.next < piece.behind && piece.messages.len() <= 3);
        assert!(piece.messages.iter().all(|id| (left.next..piece.behind).contains(id)));
        seen.extend(piece.messages.iter().map(|id| id.0));
        db.store.note_reread(1, piece.behind).await.unwrap();
        pieces += 1;
        left.next = piece.behind;
        // What is noted is where the next piece begins.
        assert_eq!(db.store.reread_left(1).await.unwrap().unwrap_or(left), left);
    }
    assert_eq!(seen, [1, 3, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(pieces, 4);
    assert!(db.store.reread_left(1).await.unwrap().is_none());
}

on_both!(an_older_version_leaves_it_to_the_newer);
async fn an_older_version_leaves_it_to_the_newer(db: Database) {
    keep(&db, 3).await;
    db.execute("insert into rereads (reader, next_id, end_id) values (1000000, 0, 1000)")
        .await;
    let metrics = Metrics::new();
    assert_eq!(intake(&db, &metrics).read_again().await.unwrap().messages, 0);
    assert_eq!(counts(&db).await[0], 0);
}

/// A node that does the background jobs.
fn node(db: &Database) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--roles", "jobs"]);
    command.env("TALLYMARK__PROVENANCE__CHECK", "false");
    match &db.location {
        Location::File(_) => command.env("TALLYMARK__DATABASE__DIR", db.folder()),
        Location::Server(url) => command.env("TALLYMARK__DATABASE__URL", url),
    };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().starts_with("Listening on")),
        "it did not start"
    );
    child
}

async fn killed_in_between(dialect: Dialect) {
    const REPORTS: u64 = 300;
    let db = Database::start(dialect).await;
    keep(&db, REPORTS).await;
    let mut in_between = 0;
    for share in [40, 150, REPORTS] {
        let mut node = node(&db);
        let counted = async {
            loop {
                let [counted, ..] = counts(&db).await;
                if counted >= share.cast_signed() {
                    break counted;
                }
                tokio::task::yield_now().await;
            }
        };
        let counted = tokio::time::timeout(PATIENCE, counted).await.expect("it goes on");
        in_between += i32::from(counted < REPORTS.cast_signed());
        node.kill().unwrap();
        node.wait().unwrap();
        // As after the forty seconds that the lease of a dead node lasts.
        db.execute("delete from leases").await;
    }
    assert!(in_between > 0, "no kill came in between: the test proves nothing");
    let sessions = REPORTS * (REPORTS + 1) / 2;
    let kept = REPORTS / 5;
    assert_eq!(counts(&db).await, [REPORTS, sessions, kept].map(u64::cast_signed));
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

#[tokio::test]
async fn a_kill_in_between_counts_nothing_twice_on_sqlite() {
    killed_in_between(Dialect::Sqlite).await;
}

#[tokio::test]
async fn a_kill_in_between_counts_nothing_twice_on_postgres() {
    killed_in_between(Dialect::Postgres).await;
}
