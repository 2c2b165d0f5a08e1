//! What a hostile message costs, counted: memory by an allocator that counts, work in steps of the budget. Nothing here
//! is timed; `cargo bench --bench hostile` does that, at full size and for as long as it is told.
//!
//! The limits are smaller than those of the program, so that a test of thousands of messages takes seconds.

#[path = "../../benches/support/corpus.rs"]
#[allow(dead_code, reason = "the generator of hostile messages uses its random numbers")]
mod corpus;
#[path = "../../benches/support/failure_mails.rs"]
mod failure_mails;
#[path = "../../benches/support/hostile.rs"]
mod hostile;
#[path = "../../benches/support/oracle.rs"]
mod oracle;
mod stored;
#[path = "../../benches/support/texts.rs"]
mod texts;
mod tls;
#[path = "../../benches/support/tls_texts.rs"]
mod tls_texts;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use corpus::Random;
use hostile::{Hostile, Scale, slow_zip};
use oracle::{FIXED_BYTES, Spent};
use tallymark::base::budget::CostLimits;
use tallymark::base::clock::Clock;
use tallymark::ingest::ProcessLimits;
use texts::gzip;

/// Memory is counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

const MEMORY_BYTES_MAX: usize = 4 << 20;

/// A fortieth of what the program allows.
fn limits() -> ProcessLimits {
    let mut limits = ProcessLimits::default();
    limits.cost.memory_bytes_max = MEMORY_BYTES_MAX as u64;
    limits.cost.events_max = 250_000;
    limits.cost.addresses_max = 5_000;
    limits
}

/// The clock stands still: time ends nothing here, so that a slow machine changes no result.
fn weigh(message: &[u8], limits: &ProcessLimits) -> Spent {
    oracle::weigh(&Clock::fixed(1_795_700_000_000), message, limits)
}

#[track_caller]
fn is_within(name: &str, spent: &Spent) {
    assert!(
        spent.memory_bytes <= MEMORY_BYTES_MAX + FIXED_BYTES,
        "{name}: {spent:?}"
    );
}

/// Sizes of drawn messages, far above the limits.
const SCALE: Scale = Scale {
    message_bytes_max: 256 << 10,
    inflated_bytes_max: 4 << 20,
};

/// Weighs drawn messages, none of which may take more than its budget or end in a fault of the reader. Returns how many reports were
/// read and how many parts were refused.
fn sweep(count: u64, draw: impl Fn(&mut Random) -> Hostile) -> (usize, usize) {
    let (mut reports, mut refused) = (0, 0);
    for seed in 0..count {
        let Hostile { name, bytes } = draw(&mut Random(seed));
        let spent = weigh(&bytes, &limits());
        is_within(&format!("seed {seed}, {name}"), &spent);
        assert!(!spent.reasons.contains(&"internal_error"), "seed {seed}, {name}");
        reports += spent.reports;
        refused += spent.reasons.len();
    }
    (reports, refused)
}

#[test]
fn no_message_takes_more_than_its_budget() {
    let _alone = alone();
    let (reports, refused) = sweep(400, |random| hostile::message(random, SCALE));
    // The generator makes what is read as well as what is not.
    assert!(reports > 20 && refused > 100, "{reports} reports, {refused} refusals");
}

/// Without a budget the oracle must notice: these are the messages that it is there for.
#[test]
fn without_a_budget_the_oracle_sees_what_such_messages_take() {
    let _alone = alone();
    let mut unlimited = limits();
    unlimited.cost = CostLimits::NONE;
    for (kind, reason) in [(0, "too_many_events"), (3, "too_much_evidence")] {
        let message = texts::text(kind, 24 << 20, &mut Random(1)).gzipped();
        let without = weigh(&message, &unlimited);
        assert!(without.memory_bytes > MEMORY_BYTES_MAX + FIXED_BYTES, "{without:?}");
        let with = weigh(&message, &limits());
        is_within("with a budget", &with);
        assert_eq!(with.reasons, [reason]);
    }
}

/// `name` is refused with `reason`, within its budget.
#[track_caller]
fn refused(name: &str, message: &[u8], reason: &str) {
    let spent = weigh(message, &limits());
    is_within(name, &spent);
    assert_eq!((spent.reports, &*spent.reasons), (0, &[reason][..]), "{name}");
}

#[test]
fn every_limit_has_a_word_of_its_own() {
    let _alone = alone();
    let random = &mut Random(2);
    let mut packed = |kind, bytes| texts::text(kind, bytes, random).gzipped();
    refused("comments", &packed(8, 4 << 20), "too_many_events");
    refused("instructions", &packed(9, 4 << 20), "too_many_events");
    refused("CDATA", &packed(10, 8 << 20), "too_many_events");
    refused("references", &packed(11, 8 << 20), "too_many_events");
    refused("sources", &packed(0, 1_500_000), "too_many_addresses");
    refused("sources of IPv6", &packed(1, 1_500_000), "too_many_addresses");
    refused("more sources", &packed(0, 8 << 20), "too_many_events");
    refused("many texts", &packed(3, 8 << 20), "too_much_evidence");
    refused("white space", &packed(17, 40 << 20), "event_too_large");
    refused("one text", &packed(18, 4 << 20), "event_too_large");
    refused("no report", &packed(32, 900_000), "not_a_report");
    // Archives in archives are held: what they inflate to is memory.
    let stored = gzip(&gzip(&vec![0; 12 << 20]));
    let nested = gzip(&[gzip(b""), [0x1f, 0x8b].to_vec(), vec![7; 6 << 20]].concat());
    refused("an archive in an archive", &nested, "too_much_memory");
    assert_eq!(weigh(&stored, &limits()).reports, 0);
}

/// Two lists of a report took 30 MB more than a message may: one moved while it grew, one was made before it was drawn.
#[test]
fn a_million_records_are_read_within_the_budget_of_the_program() {
    let _alone = alone();
    let mut limits = ProcessLimits::default();
    // Repeated records compress to a small mail, so the room in the database is not limited here.
    limits.cost = CostLimits {
        memory_bytes_max: limits.cost.memory_bytes_max,
        addresses_max: limits.cost.addresses_max,
        ..CostLimits::NONE
    };
    let budget = usize::try_from(limits.cost.memory_bytes_max).unwrap();
    let report = |days: i64, records: usize, record: &str| {
        let head = format!(
            "<feedback><report_metadata><org_name>r.example</org_name><email>a@r.example</email><report_id>1</report_id>\
             <date_range><begin>{}</begin><end>1795651199</end></date_range></report_metadata>\
             <policy_published><domain>example.com</domain><p>none</p></policy_published>",
            1_795_651_200 - days * 86_400
        );
        gzip((head + &record.repeat(records) + "</feedback>").as_bytes())
    };
    let row = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>";
    let six = "<record><row><source_ip>2001:db8::1</source_ip><count>9</count></row></record>";
    for (days, records, record, reason) in [(1, 1_250_000, six, None), (7, 1_200_000, row, Some("too_much_memory"))] {
        let spent = weigh(&report(days, records, record), &limits);
        assert!(spent.memory_bytes <= budget + FIXED_BYTES, "{days} days: {spent:?}");
        let read = if reason.is_none() { records } else { 0 };
        assert_eq!(
            (spent.records, spent.reasons),
            (read, Vec::from_iter(reason)),
            "{days} days"
        );
    }
}

#[test]
fn a_window_costs_by_the_days_on_which_it_has_messages() {
    let _alone = alone();
    let window = |days: i64, records: u64, count: u64| {
        let mut text = format!(
            "<feedback><report_metadata><org_name>r.example</org_name><email>a@r.example</email><report_id>1</report_id>\
             <date_range><begin>{}</begin><end>1795651199</end></date_range></report_metadata>\
             <policy_published><domain>example.com</domain><p>none</p></policy_published>",
            1_795_651_200 - days * 86_400
        );
        for nth in 0..records {
            text += &format!(
                "<record><row><source_ip>10.0.{}.{}</source_ip><count>{count}</count></row></record>",
                nth / 256,
                nth % 256
            );
        }
        weigh(&gzip((text + "</feedback>").as_bytes()), &limits())
    };
    // A year of few messages is an ordinary report of a small reporter; so are ten sources over a month.
    for (days, records, count) in [(366, 136, 3), (31, 10, 1_000_000), (7, 400, 50), (366, 10, 366)] {
        let spent = window(days, records, count);
        assert_eq!(
            (spent.reports, spent.reasons.len()),
            (1, 0),
            "{days} days: {:?}",
            spent.reasons
        );
    }
    for (days, records, count) in [(366, 136, 100), (366, 100, 400), (180, 136, 180), (31, 900, 31)] {
        let spent = window(days, records, count);
        assert_eq!(
            (spent.reports, &*spent.reasons),
            (0, &["too_many_days"][..]),
            "{days} days"
        );
        is_within("a window", &spent);
    }
    // Longer than is spread: all falls on the first day, and costs no more than a report of one day.
    assert_eq!(window(400, 900, 1_000).reports, 1);
}

#[test]
fn limits_do_not_multiply_over_the_texts_of_one_message() {
    let _alone = alone();
    // Each of them is within its budget; together they are not.
    let one = texts::text(3, 400_000, &mut Random(3)).flat(4 << 20);
    let alone = weigh(&gzip(&one), &limits());
    assert_eq!(
        alone.reports, 0,
        "evidence is bounded by the length of the message: {:?}",
        alone.reasons
    );
    let plain = weigh(&one, &limits());
    assert_eq!((plain.reports, plain.reasons.len()), (1, 0), "{:?}", plain.reasons);
    let many = weigh(&one.repeat(40), &limits());
    is_within("forty of them", &many);
    assert!(
        many.reports < 40 && many.reasons.contains(&"too_much_evidence"),
        "{many:?}"
    );
}

#[test]
fn an_archive_made_to_be_searched_is_passed_once() {
    let _alone = alone();
    refused("two end records", &slow_zip(100_000), "archive_damaged");
    refused("in gzip", &gzip(&slow_zip(100_000)), "archive_damaged");
    for seed in 0..300 {
        let bytes = hostile::signatures(&mut Random(seed), 32 << 10);
        is_within(&format!("seed {seed}"), &weigh(&bytes, &limits()));
    }
}

/// A report that says the same of every record is as cheap as a short one, however it is packed.
#[test]
fn ordinary_reports_keep_their_room() {
    let _alone = alone();
    let mix = corpus::Mix {
        reports: 60,
        domains: 10,
        large: &[3_000],
        ..corpus::Mix::STANDARD
    };
    for mail in corpus::mails(mix, 5) {
        let spent = weigh(&mail.bytes, &ProcessLimits::default());
        assert_eq!((spent.reports, spent.reasons.len()), (1, 0), "{spent:?}");
        assert_eq!(spent.records as u64, mail.records);
        assert!(spent.memory_bytes < FIXED_BYTES, "{spent:?}");
    }
}

#[test]
fn time_ends_every_stage() {
    let _alone = alone();
    let mut limits = ProcessLimits {
        time_max: Duration::ZERO,
        ..ProcessLimits::default()
    };
    limits.cost = CostLimits::NONE;
    let clock = Clock::system();
    let random = &mut Random(4);
    let parts = [
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec(),
        b"--b\r\n\r\nx\r\n".repeat(200),
    ]
    .concat();
    let members = gzip(b"").repeat(10_000);
    for (name, message) in [
        ("parsing", texts::text(0, 8 << 20, random).gzipped()),
        ("comments", texts::text(8, 8 << 20, random).gzipped()),
        ("parts", parts),
        ("members", members),
    ] {
        let spent = oracle::weigh(&clock, &message, &limits);
        assert_eq!(spent.reports, 0, "{name}");
        assert!(spent.reasons.contains(&"too_slow"), "{name}: {:?}", spent.reasons);
    }
}
