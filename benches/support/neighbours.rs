//! What mails cost their neighbours.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::percentile;
use crate::support::serving::{Sender, Serving, attached_wire, report_wire};

/// Mails a second.
const RATE: u32 = 20;
/// Mails of one measurement, half a minute.
const MAILS: usize = 600;
/// One in this number of mails is a costly one.
const ONE_OF: usize = 100;

/// Measures each kind beside a time without any: the machine may be slower at one hour than at another.
pub fn measure() {
    let wanted = std::env::args().skip_while(|text| text != "neighbours").nth(1);
    let wanted = wanted.filter(|text| !text.starts_with('-'));
    let serving = Serving::start(false);
    round(&serving, 0, None);
    let mut first = MAILS;
    println!("kind                 mail KB   alone p50   p99 ms   beside p50   p99 ms   p99 ratio   resident MiB");
    for (kind, make) in KINDS {
        if wanted.as_deref().is_some_and(|wanted| wanted != *kind) {
            continue;
        }
        let alone = round(&serving, first, None);
        let costly = |nth: usize| attached_wire(&make(nth));
        let beside = round(&serving, first + MAILS, Some(&costly));
        first += 2 * MAILS;
        let p99 = [percentile(&alone, 99.0), percentile(&beside, 99.0)];
        println!(
            "{kind:20} {:7.0} {:11.1} {:8.1} {:12.1} {:8.1} {:11.2} {:14.0}",
            costly(0).len() as f64 / 1e3,
            percentile(&alone, 50.0),
            p99[0],
            percentile(&beside, 50.0),
            p99[1],
            p99[1] / p99[0],
            serving.resident_mebibytes()
        );
    }
}

/// Sends mails at their times, each over a connection of its own; gives how long the ordinary ones took, milliseconds,
/// ascending.
fn round(serving: &Serving, first: usize, costly: Option<&(dyn Fn(usize) -> Vec<u8> + Sync)>) -> Vec<f64> {
    let costly: Vec<_> = (0..MAILS / ONE_OF)
        .map(|nth| costly.map(|costly| costly(first + nth)))
        .collect();
    let started = Instant::now() + Duration::from_millis(100);
    let (to, rua) = (serving.smtp, &*serving.rua);
    std::thread::scope(|scope| {
        let costly = costly
            .iter()
            .enumerate()
            .filter_map(|(nth, wire)| Some((nth, wire.as_deref()?)));
        for (nth, wire) in costly {
            scope.spawn(move || {
                wait(started + Duration::from_secs(1) * (nth * ONE_OF + ONE_OF / 2) as u32 / RATE);
                // It may be refused.
                let _ = Sender::connect(to).and_then(|mut sender| sender.send(rua, wire));
            });
        }
        let mails: Vec<_> = (0..MAILS)
            .map(|nth| {
                scope.spawn(move || {
                    let wire = report_wire(first + nth);
                    wait(started + Duration::from_secs(1) * nth as u32 / RATE);
                    let begun = Instant::now();
                    let mut sender = Sender::connect(to).expect("a connection");
                    sender.send(rua, &wire).expect("250");
                    begun.elapsed().as_secs_f64() * 1e3
                })
            })
            .collect();
        let mut times: Vec<_> = mails.into_iter().map(|mail| mail.join().expect("a time")).collect();
        times.sort_by(f64::total_cmp);
        times
    })
}

fn wait(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// A kind of costly mail: its name, and the packed text of one of a number.
type Kind = (&'static str, fn(usize) -> Vec<u8>);

const KINDS: &[Kind] = &[
    ("records", |nth| records(nth, 60_000, |_, _| {})),
    ("kinds of records", |nth| {
        records(nth, 20_000, |text, nth| {
            _ = write!(
                text,
                "<auth_results><spf><domain>d{nth}.example</domain><result>pass</result></spf></auth_results>"
            );
        })
    }),
    ("empty results", |nth| {
        records(nth, 10_000, |text, _| {
            _ = write!(
                text,
                "<auth_results>{}{}</auth_results>",
                "<dkim/>".repeat(100),
                "<spf/>".repeat(100)
            );
        })
    }),
    ("many texts", |nth| {
        records(nth, 1_500, |text, _| {
            let results = (0..100).map(|nth| {
            format!("<dkim><domain>a{nth}.c</domain><selector>b{nth}</selector><result>r{nth}</result><human_result>h{nth}</human_result></dkim>")
        });
            _ = write!(text, "<auth_results>{}</auth_results>", results.collect::<String>());
        })
    }),
    ("markup", |nth| text(nth, &"<x a=\"1\"/>".repeat(3_000_000))),
    ("text", |nth| text(nth, &" ".repeat(200 << 20))),
];

fn report(nth: usize, body: &str) -> String {
    let begin = 1_758_240_000 + 86_400 * (nth % 30) as u64;
    format!(
        "<feedback><report_metadata><org_name>Reporter</org_name><email>a@reporter.example</email><report_id>costly-{nth}\
         </report_id><date_range><begin>{begin}</begin><end>{}</end></date_range></report_metadata><policy_published>\
         <domain>example.com</domain><p>none</p></policy_published>{body}</feedback>",
        begin + 86_399
    )
}

fn records(nth: usize, count: usize, results: fn(&mut String, usize)) -> Vec<u8> {
    let mut body = String::new();
    for record in 0..count {
        let [_, b, c, d] = (record as u32).to_be_bytes();
        _ = write!(
            body,
            "<record><row><source_ip>10.{b}.{c}.{d}</source_ip><count>{}</count></row><identifiers>\
             <header_from>{}example.com</header_from></identifiers>",
            nth + 1,
            if record % 3 == 0 {
                format!("a{record}.")
            } else {
                String::new()
            }
        );
        results(&mut body, record);
        body.push_str("</record>");
    }
    packed(report(nth, &body).as_bytes())
}

fn text(nth: usize, body: &str) -> Vec<u8> {
    packed(report(nth, body).as_bytes())
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}
