//! What hostile TLS reports and failure reports cost. `cargo bench --bench hostile -- tls` goes on for as long as it is told.

use crate::corpus::Random;
use crate::failure_mails::failure_mail;
use crate::hostile::{self, Hostile};
use crate::oracle::FIXED_BYTES;
use crate::tls_texts::{TLS_TEXTS, tls_text};
use crate::{SCALE, alone, is_within, limits, refused, sweep, weigh};
use tallymark::base::budget::CostLimits;
use tallymark::ingest::ProcessLimits;

#[test]
fn no_tls_report_takes_more_than_the_budget_of_its_message() {
    let _alone = alone();
    let (reports, refused) = sweep(400, |random| hostile::tls_message(random, SCALE));
    // The generator makes what is read as well as what is not.
    assert!(reports > 20 && refused > 50, "{reports} reports, {refused} refusals");
}

/// A drawn report is read with warnings, or refused by a word of its own; it never makes the reader fail.
#[test]
fn a_tls_report_with_any_member_absent_or_odd_is_read_or_set_aside() {
    let _alone = alone();
    let (reports, refused) = sweep(600, |random| {
        let (kind, bytes) = (random.below(TLS_TEXTS), 1 << random.below(14));
        let text = tls_text(kind, bytes, random).flat(1 << 14);
        named("text", text, random)
    });
    assert!(reports > 150 && refused > 50, "{reports} reports, {refused} refusals");
}

#[test]
fn every_limit_of_a_tls_report_has_a_word_of_its_own() {
    let _alone = alone();
    let random = &mut Random(21);
    let mut packed = |kind, bytes| tls_text(kind, bytes, random).gzipped();
    refused("deep lists", &packed(1, 1 << 20), "too_deep");
    refused("deep objects", &packed(2, 1 << 20), "too_deep");
    refused("digits", &packed(4, 1 << 20), "archive_damaged");
    refused("policies", &packed(6, 200_000), "too_many_policies");
    refused("values", &packed(10, 3 << 20), "too_much_memory");
    refused("one text", &packed(8, 30 << 20), "too_much_memory");
    refused("white space", &packed(11, 30 << 20), "too_much_memory");
    // Without an archive the text itself is the reason.
    for kind in [3, 4] {
        refused(
            "not packed",
            &tls_text(kind, 100_000, &mut Random(1)).flat(200_000),
            "malformed_json",
        );
    }
}

/// The cases of full size, with the limits of the program.
#[test]
fn each_case_of_a_hostile_tls_report_ends_as_it_should() {
    let _alone = alone();
    let limits = ProcessLimits::default();
    let memory_max = usize::try_from(limits.cost.memory_bytes_max).unwrap() + FIXED_BYTES;
    for (name, message, reason) in hostile::tls_cases() {
        let spent = weigh(&message, &limits);
        assert!(spent.memory_bytes <= memory_max, "{name}: {spent:?}");
        let ends = reason.is_none_or(|reason| spent.reasons.contains(&reason));
        assert!(
            ends && !spent.reasons.contains(&"internal_error"),
            "{name}: {:?}",
            spent.reasons
        );
    }
}

#[test]
fn without_a_budget_the_oracle_sees_what_a_tls_report_takes() {
    let _alone = alone();
    let mut unlimited = limits();
    unlimited.cost = CostLimits::NONE;
    let message = tls_text(10, 14 << 20, &mut Random(1)).gzipped();
    let (without, with) = (weigh(&message, &unlimited), weigh(&message, &limits()));
    assert!(
        without.memory_bytes > with.memory_bytes + (4 << 20),
        "{without:?} {with:?}"
    );
    is_within("with a budget", &with);
}

#[test]
fn no_failure_report_takes_more_than_the_budget_of_its_message() {
    let _alone = alone();
    let (reports, _) = sweep(400, |random| {
        let bytes = 1 << random.below(19);
        let mail = failure_mail(random, bytes);
        named("failure report", mail, random)
    });
    assert!((200..400).contains(&reports), "{reports} reports");
}

/// Three in ten are damaged.
fn named(name: &str, mut bytes: Vec<u8>, random: &mut Random) -> Hostile {
    if random.percent(30) {
        hostile::mutate(&mut bytes, random);
    }
    Hostile {
        name: name.to_owned(),
        bytes,
    }
}
