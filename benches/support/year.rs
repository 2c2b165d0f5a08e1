//! A year of reports about a domain, straight into the database.

use std::net::{IpAddr, Ipv4Addr};

use super::corpus::Random;
use tallymark::base::{AccountId, Authenticated};
use tallymark::report::aggregate::{
    AuthResult, Disposition, DkimAuth, Evaluated, Evidence, Metadata, Parsed, PassFail, Policy, PolicyPublished,
    Record, Report, SpfAuth, SpfScope, Warnings, Window,
};
use tallymark::store::{Belonging, CommitOptions, KeepLimits, MessageRoom, NewMessage, NewReport, Store};

const DAYS: usize = 365;
const REPORTERS: usize = 30;
/// The last day of the year: 2026-11-01.
pub const TODAY: i64 = 20_758;

/// A year of reports about one domain of the account, from a given number of addresses.
#[expect(clippy::too_many_arguments, reason = "a row of data")]
pub async fn fill(store: &Store, account: AccountId, name: &str, seed: usize, records: usize, sources: usize) {
    let mut random = Random(seed as u64);
    let options = CommitOptions {
        now: TODAY * 86_400_000,
        keep_originals: false,
        fresh: &super::fresh,
        limits: KeepLimits::default(),
    };
    let each = records / (DAYS * REPORTERS);
    let mut left = records;
    let mut batch = Vec::new();
    for day in 0..DAYS {
        for reporter in 0..REPORTERS {
            let last = day == DAYS - 1 && reporter == REPORTERS - 1;
            let count = if last {
                left
            } else {
                (each / 2 + random.below(each + 1)).min(left)
            };
            left -= count;
            let begin = (TODAY - DAYS as i64 + 1 + day as i64) * 86_400;
            let report = report(name, reporter, begin, (count, sources), &mut random);
            // Of every three mails one says nothing about who sent it.
            let authenticated = match reporter % 3 {
                0 => Authenticated::Unknown,
                _ => Authenticated::Pass,
            };
            batch.push(message(account, begin, report, authenticated));
        }
        let held: usize = batch
            .iter()
            .map(|message: &NewMessage| message.reports[0].1.bytes_held())
            .sum();
        if batch.len() >= 240 || held > 64 << 20 || day == DAYS - 1 {
            store
                .commit(std::mem::take(&mut batch), &options)
                .await
                .expect("it is stored");
        }
    }
}

/// A mail with this report in it, which arrives at `begin`, in seconds.
pub fn message(account: AccountId, begin: i64, report: Report, authenticated: Authenticated) -> NewMessage {
    let parsed = Parsed {
        report,
        warnings: Warnings::default(),
    };
    NewMessage {
        belonging: Belonging::Account(account),
        digest: [0; 16],
        bytes: Vec::new().into(),
        received_at: begin * 1_000,
        origin: String::new(),
        provenance: None,
        reports: vec![(String::new(), NewReport::new(parsed, authenticated))],
        tls_reports: Vec::new(),
        failure: None,
        problems: Vec::new(),
        other: Some("mail"),
        replay: None,
        room: MessageRoom::default(),
    }
}

/// A report with `count` records from some of `sources` addresses.
pub fn report(
    name: &str,
    reporter: usize,
    begin: i64,
    (count, sources): (usize, usize),
    random: &mut Random,
) -> Report {
    let evidence = |nth: usize| Evidence {
        header_from: Some(name.into()),
        envelope_from: Some(format!("bounce{}.service{nth}.example", nth % 3).into()),
        dkim: vec![DkimAuth {
            domain: Some(name.into()),
            selector: Some(format!("s{nth}").into()),
            result: AuthResult::Pass,
            ..DkimAuth::default()
        }],
        spf: vec![SpfAuth {
            domain: Some(format!("bounce{}.service{nth}.example", nth % 3).into()),
            scope: Some(SpfScope::Mfrom),
            result: AuthResult::Pass,
            ..SpfAuth::default()
        }],
        ..Evidence::default()
    };
    let record = |random: &mut Random| {
        let passes = random.percent(90);
        let bits = 0x0b00_0000 + random.skewed(sources) as u32 * 977;
        Record {
            source: Some(IpAddr::V4(Ipv4Addr::from_bits(bits))),
            evaluated: Evaluated {
                disposition: Some(if passes { Disposition::None } else { Disposition::Reject }),
                dkim: Some(if passes { PassFail::Pass } else { PassFail::Fail }),
                spf: Some(PassFail::Fail),
            },
            evidence: random.below(12) as u32,
            count: 1 + random.skewed(300) as u64,
        }
    };
    let org = format!("reporter-{reporter}.example");
    Report {
        metadata: Metadata {
            org_name: Some(org.as_str().into()),
            email: Some(format!("dmarc@{org}").into()),
            report_id: format!("{begin}.{reporter}").into(),
            window: Window {
                begin,
                end: begin + 86_399,
            },
            ..Metadata::default()
        },
        policy: PolicyPublished {
            domain: name.into(),
            p: Some(Policy::Reject),
            ..PolicyPublished::default()
        },
        records: (0..count).map(|_| record(random)).collect(),
        evidence: (0..12).map(evidence).collect(),
        ..Report::default()
    }
}
