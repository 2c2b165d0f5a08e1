//! What reporters must not be able to do.

use sqlx::{ConnectOptions as _, Row as _};
use tallymark::ingest::{FreshDomain, IntakeError};

use super::{Way, mail, xml, xml_at};

/// No text column holds a NUL or another control character that XML forbids, whatever was sent: PostgreSQL would refuse
/// the whole batch.
#[tokio::test]
async fn control_characters_get_nowhere() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let bad = "&#0;&#x1;\u{0}\u{1b}[31m\u{7f}";
    let mut report = xml("example.com", &format!("i{bad}d"), 3);
    report = report.replace("Reporter<", &format!("Rep{bad}orter<"));
    report = report.replace("dmarc@", &format!("dm{bad}arc@"));
    report = report.replace("<p>none", &format!("<p>no{bad}ne</p><fo>1{bad}"));
    report = report.replace(
        "</report_metadata>",
        &format!("<extra_contact_info>{bad}x</extra_contact_info><error>e{bad}</error></report_metadata>"),
    );
    let outcome = way.submit(mail(&[("a.xml", &report)])).await;
    assert_eq!(outcome.reports.len(), 1, "{:?}", outcome.set_aside);
    let name = "r\u{0}.example!example.com!1772323200!1772409599!\u{0}\u{1b}.xml";
    let unnamed = xml("example.com", "", 4).replace("<org_name>Reporter</org_name>", "");
    way.submit(mail(&[(name, &unnamed)])).await;
    let encoded = "a.xml\"; filename*=utf-8''r%00%1b.example!example.com!1772323200!1772409599!%00.xml; x=\"";
    way.submit(mail(&[(encoded, &unnamed.replace("<count>4", "<count>5"))]))
        .await;
    way.submit(mail(&[(name, "<feedback>\u{0}\u{1}<report_metadata></x>")]))
        .await;
    way.submit(mail(&[(encoded, &xml(&format!("exam{bad}ple.net"), "1", 1))]))
        .await;
    let mut strange = way.raw(mail(&[(name, "<feedback>\u{1}")]));
    strange.origin = "pe\u{0}er\u{1b}".to_owned();
    way.intake.submit(strange).await.unwrap();
    way.check(domain).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(way.database());
    let mut conn = options.connect().await.unwrap();
    let mut seen = 0;
    for question in [
        "select org_key || coalesce(org_name, '') || coalesce(email, '') || report_id || policy || detail from reports",
        "select reason || detail || leaf || origin || policy_domain from set_aside",
    ] {
        for row in sqlx::query(question).fetch_all(&mut conn).await.unwrap() {
            let text: String = row.get(0);
            assert!(!text.chars().any(|char| char < ' '), "{text:?}");
            assert!(!text.contains("\\u0000"), "{text:?}");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
    way.close().await;
}

/// Windows at the ends of time, backwards, in milliseconds: every sum is the same sum, and nothing fails.
#[tokio::test]
async fn windows_at_the_ends_of_time() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let windows = [
        (0, 0),
        (0, 86_400),
        (1, 1_000_000),
        (1_772_323_200_000, 1_772_409_599_000),
        (1_772_409_599, 1_772_323_200),
        (1_772_323_200, 1_772_323_200 + 366 * 86_400),
        (1_772_323_200, 253_402_300_799),
        (-5, 100),
        (0, i64::MAX),
        (253_402_300_799, 253_402_300_799),
    ];
    for (nth, window) in windows.into_iter().enumerate() {
        way.submit(xml_at("example.com", &nth.to_string(), 100_000_000_000, window))
            .await;
    }
    let verified = way.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
    assert!(verified.reports >= 6, "{verified:?}");
    let mut exported = way.store.export(domain, super::ALL_DAYS);
    while let Some(piece) = exported.recv().await {
        piece.unwrap();
    }
    way.close().await;
}

fn breaks_down() -> FreshDomain {
    panic!("made to fail by a test");
}

/// Should writing a message panic, it is set aside, and the next batch goes on.
#[tokio::test]
async fn a_panic_in_the_writer_costs_one_message_only() {
    let way = Way::with(|options| options.fresh = breaks_down).await;
    let domain = way.domain("example.com").await;
    way.submit(xml("example.com", "1", 1)).await;
    let mut adding = way.raw(xml("example.org", "1", 1));
    adding.belonging = tallymark::ingest::Belonging::AddDomains(way.account);
    let outcome = way.intake.submit(adding).await.unwrap();
    assert_eq!(outcome.set_aside[0].reason, "not_storable", "{outcome:?}");
    way.submit(xml("example.com", "2", 2)).await;
    assert_eq!(way.check(domain).await.messages(), 3);
    way.close().await;
}

/// One message that the database refuses is set aside, and none of those that came with it is refused for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_messages_harm_no_others() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let refuse = "create trigger refuse before insert on reports when new.report_id like 'bad%'
        begin select raise(abort, 'refused by a test'); end";
    crate::sqlite(&way.database(), refuse).await;
    let mut waiting = tokio::task::JoinSet::new();
    for nth in 1..=100_u64 {
        let id = if nth % 40 == 7 {
            format!("bad{nth}")
        } else {
            nth.to_string()
        };
        let (intake, raw) = (way.intake.clone(), way.raw(xml("example.com", &id, nth)));
        waiting.spawn(async move { (nth, intake.submit(raw).await.unwrap()) });
    }
    while let Some(outcome) = waiting.join_next().await {
        let (nth, outcome) = outcome.unwrap();
        let reasons: Vec<_> = outcome.set_aside.iter().map(|note| &*note.reason).collect();
        if nth % 40 == 7 {
            assert_eq!((outcome.reports.len(), &*reasons), (0, &["not_storable"][..]));
        } else {
            assert_eq!((outcome.reports.len(), reasons.len()), (1, 0), "{nth}");
        }
    }
    assert_eq!(way.check(domain).await.messages(), 5_050 - 7 - 47 - 87);
    // Nothing can be written at all: then nothing is set aside, and the sender is told.
    crate::sqlite(
        &way.database(),
        "create trigger refuse_all before insert on set_aside begin select raise(abort, 'refused by a test'); end",
    )
    .await;
    let refused = way.intake.submit(way.raw(xml("example.com", "bad", 1_000))).await;
    assert!(matches!(refused, Err(IntakeError::Store(_))), "{refused:?}");
    way.submit(xml("example.com", "good", 2_000)).await;
    way.close().await;
}

/// A batch of small mails that unfold to much is parsed and written in pieces, and nothing of it is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_contents_are_committed_in_pieces() {
    for (parsed_bytes_max, batches_min) in [(0, 30), (usize::MAX, 1)] {
        let way = Way::with(|options| options.parsed_bytes_max = parsed_bytes_max).await;
        let domain = way.domain("example.com").await;
        let mut waiting = tokio::task::JoinSet::new();
        for nth in 1..=30_u64 {
            let (intake, raw) = (way.intake.clone(), way.raw(xml("example.com", &nth.to_string(), nth)));
            waiting.spawn(async move { intake.submit(raw).await });
        }
        while let Some(outcome) = waiting.join_next().await {
            assert_eq!(outcome.unwrap().unwrap().reports.len(), 1);
        }
        assert_eq!(way.check(domain).await.messages(), 465);
        let (text, _) = way.metrics.encode();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("tallymark_batch_messages_count "));
        let batches: u32 = count.unwrap().parse().unwrap();
        assert!(batches >= batches_min, "{batches} with {parsed_bytes_max}");
        way.close().await;
    }
}

/// What a message leaves in the database is bounded by its own length, whatever it unfolds to: the estimate by which the
/// budget refuses is not below what is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_bytes_are_a_small_multiple_of_the_message() {
    let bytes_free = tallymark::base::budget::CostLimits::default().stored_bytes_free;
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let v4 = |nth: usize| format!("10.{}.{}.{}", nth >> 16, nth >> 8 & 255, nth & 255);
    let texts = [
        head("evidence", 1)
            + &(0..5_000)
                .map(|nth| record(nth, v4(nth), 1, &format!("a{nth}.example.com")))
                .collect::<String>(),
        head("window", 31)
            + &(0..200)
                .map(|nth| record(0, v4(nth), 31, "example.com"))
                .collect::<String>(),
        head("year", 366)
            + &(0..16)
                .map(|nth| record(0, v4(nth), 366, "example.com"))
                .collect::<String>(),
        head("sources", 1)
            + &(0..8_000)
                .map(|nth| {
                    record(
                        0,
                        format!("2001:db8::{:x}:{:x}", nth >> 12, nth * 7 % 4_096),
                        1,
                        "example.com",
                    )
                })
                .collect::<String>(),
    ];
    let size = async || {
        crate::sqlite(&way.database(), "pragma wal_checkpoint(truncate)").await;
        std::fs::metadata(way.database()).unwrap().len()
    };
    way.submit(xml("example.com", "first", 1)).await;
    let (mut stored, mut refused) = (0, 0);
    for text in texts {
        // Gzip of half of it, and of all: what is too much for its length is refused, and the rest is not more than allowed.
        let records: Vec<_> = text.split_inclusive("</record>").collect();
        for part in [records.len() / 20 + 1, records.len()] {
            let mut message = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            let whole = records[..part].concat() + "</feedback>";
            let whole = whole.replace("<report_id>", &format!("<report_id>{part}-"));
            std::io::Write::write_all(&mut message, whole.as_bytes()).unwrap();
            let message = message.finish().unwrap();
            let (length, before) = (message.len() as u64, size().await);
            let outcome = way.submit(message).await;
            let grown = size().await - before;
            let allowed = length + (3 * length).max(bytes_free);
            // Pages are whole, and tables are trees: some pages more.
            assert!(
                grown <= allowed * 3 / 2 + 64 * 1024,
                "{part} records, {length} bytes: {grown} > {allowed}, {outcome:?}"
            );
            stored += outcome.reports.len();
            refused += outcome.set_aside.len();
        }
    }
    assert!(stored >= 4 && refused >= 1, "{stored} stored, {refused} refused");
    way.check(domain).await;
    way.close().await;
}

/// A report over some days, up to its records.
fn head(id: &str, days: i64) -> String {
    format!(
        "<feedback><report_metadata><org_name>Reporter</org_name><email>dmarc@reporter.example</email>\
             <report_id>{id}</report_id><date_range><begin>1772323200</begin><end>{}</end></date_range></report_metadata>\
             <policy_published><domain>example.com</domain><p>none</p></policy_published>",
        1_772_323_200 + days * 86_400 - 1
    )
}

/// A record of a signature of its own.
fn record(nth: usize, address: String, count: u64, from: &str) -> String {
    format!(
        "<record><row><source_ip>{address}</source_ip><count>{count}</count></row><identifiers><header_from>{from}\
             </header_from></identifiers><auth_results><dkim><domain>d{nth}.example</domain><selector>s{nth}</selector>\
             <result>fail</result></dkim></auth_results></record>"
    )
}
