//! What is large is read and stored apart: counted once as everything else.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tallymark::ingest::{Fate, SlowOptions};
use tokio::task::JoinSet;

use super::{Way, mail, xml};

/// A report of about `kilobytes`.
fn sized(report_id: &str, kilobytes: usize) -> String {
    let filler = "<record><row><source_ip>192.0.2.9</source_ip><count>1</count></row><identifiers>\
         <header_from>example.com</header_from></identifiers></record>";
    let records = filler.repeat(kilobytes * 1_024 / filler.len());
    xml("example.com", report_id, 1).replace("</feedback>", &format!("{records}</feedback>"))
}

async fn way(bytes: u64, seats: usize) -> Way {
    Way::with(|options| {
        options.settings.slow = SlowOptions {
            bytes,
            after: Duration::MAX,
            seats,
            waiting_max: 2,
        };
    })
    .await
}

fn slow_messages(way: &Way) -> String {
    let figures = way.metrics.encode().0;
    let line = figures
        .lines()
        .find(|line| line.starts_with("tallymark_slow_messages_total"));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_and_small_reports_from_everywhere_are_counted_once() {
    for seats in [1, 3] {
        let way = way(512 << 10, seats).await;
        let domain = way.domain("example.com").await;
        let large: Vec<_> = (0..6)
            .map(|nth| mail(&[("a.xml", &sized(&format!("large {nth}"), 800 + nth))]))
            .collect();
        let small: Vec<_> = (0..20)
            .map(|nth| mail(&[("a.xml", &xml("example.com", &format!("{nth}"), 2 + nth))]))
            .collect();
        let mut senders = JoinSet::new();
        for _ in 0..3 {
            for text in large.iter().chain(&small) {
                let (intake, raw) = (way.intake.clone(), way.raw(&**text));
                senders.spawn(async move { intake.submit(raw).await.unwrap() });
            }
        }
        let outcomes = senders.join_all().await;
        let stored = outcomes
            .iter()
            .filter(|outcome| outcome.reports[0].fate == Fate::Stored)
            .count();
        assert_eq!((outcomes.len(), stored), (3 * 26, 26));
        let stored = outcomes
            .iter()
            .filter(|outcome| outcome.reports[0].fate == Fate::Stored);
        let sent: u64 = stored.map(|outcome| outcome.reports[0].messages).sum();
        assert_eq!(way.check(domain).await.messages(), sent);
        // What is unpacked is counted in bytes: exactly the large ones go apart.
        assert_eq!(slow_messages(&way), "tallymark_slow_messages_total 18");
        way.close().await;
    }
}

/// The control: with the limit above them none goes apart.
#[tokio::test]
async fn messages_below_the_limit_are_not_large() {
    let way = way(8 << 20, 1).await;
    way.domain("example.com").await;
    way.submit(mail(&[("a.xml", &sized("1", 400))])).await;
    assert_eq!(slow_messages(&way), "tallymark_slow_messages_total 0");
    way.close().await;
}

/// The limit is on the bytes that come out: neither the bytes of the mail, nor tags, parts and members bring a message nearer
/// to it.
#[tokio::test]
async fn only_unpacked_bytes_make_a_message_large() {
    let way = way(512 << 10, 1).await;
    way.domain("example.com").await;
    let tags = xml("example.com", "tags", 1).replace("</feedback>", &format!("{}</feedback>", "<a/>".repeat(80_000)));
    let parts: Vec<_> = (0..100)
        .map(|nth| xml("example.com", &format!("part {nth}"), 1))
        .collect();
    let names: Vec<_> = (0..100).map(|nth| format!("{nth}.xml")).collect();
    let parts: Vec<_> = names
        .iter()
        .zip(&parts)
        .map(|(name, text)| (&**name, &**text))
        .collect();
    for small in [mail(&[("a.xml", &tags)]), mail(&parts)] {
        way.submit(small).await;
    }
    assert_eq!(slow_messages(&way), "tallymark_slow_messages_total 0");
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(sized("zipped", 600).as_bytes()).unwrap();
    let zipped = zipped.finish().unwrap();
    assert!(zipped.len() < 64 << 10);
    for large in [zipped, mail(&[("a.xml", &sized("plain", 600))]).into_bytes()] {
        way.submit(large).await;
    }
    assert_eq!(slow_messages(&way), "tallymark_slow_messages_total 2");
    way.close().await;
}

/// Much evidence goes ahead of its report; what is in the database then is the same.
#[tokio::test]
async fn much_evidence_is_stored_as_little_is() {
    let records: String = (0..5_000)
        .map(|nth| {
            format!(
                "<record><row><source_ip>192.0.2.9</source_ip><count>1</count></row><identifiers>\
                 <header_from>h{nth}.example.com</header_from></identifiers></record>"
            )
        })
        .collect();
    let report = |id: &str| xml("example.com", id, 1).replace("</feedback>", &format!("{records}</feedback>"));
    let mut seen = Vec::new();
    for bytes in [128 << 10, u64::MAX] {
        let way = way(bytes, 1).await;
        let domain = way.domain("example.com").await;
        let outcome = way.submit(report("1")).await;
        assert_eq!(outcome.reports[0].fate, Fate::Stored);
        let again = way.submit(report("1")).await;
        assert_eq!(again.reports[0].fate, Fate::Duplicate);
        assert_eq!(way.check(domain).await.messages(), 5_001);
        let (records, total) = way
            .store
            .records(domain, outcome.reports[0].no, super::ALL)
            .await
            .unwrap();
        assert_eq!(total, 5_001);
        seen.push(records);
        way.close().await;
    }
    assert_eq!(seen[0], seen[1]);
}

/// What goes apart and cannot be read is in quarantine, and messages from other origins wait in any number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_wait_for_one_another_and_broken_ones_are_kept() {
    let way = way(128 << 10, 1).await;
    let domain = way.domain("example.com").await;
    let mut senders = JoinSet::new();
    for nth in 0..30 {
        let mut text = sized(&nth.to_string(), 300);
        if nth % 3 == 0 {
            text = text.replace("</feedback>", "</broken>");
        }
        let (intake, raw) = (way.intake.clone(), way.raw(mail(&[("a.xml", &text)])));
        senders.spawn(async move { intake.submit(raw).await.unwrap() });
    }
    let outcomes = senders.join_all().await;
    let counted = outcomes.iter().filter(|outcome| !outcome.reports.is_empty()).count();
    let kept = outcomes.iter().filter(|outcome| !outcome.set_aside.is_empty()).count();
    assert_eq!(outcomes.len(), 30);
    assert!(
        counted >= 20 && counted.max(kept) <= 30 && counted + kept >= 30,
        "{counted} {kept}"
    );
    assert!(way.check(domain).await.messages() > 0);
    way.close().await;
}
