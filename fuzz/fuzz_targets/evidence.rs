//! Records by rule from any bytes, as the report of a message: what is held, counted and stored stays within the budget.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tallymark::base::clock::Clock;
use tallymark::ingest::{Context, ProcessLimits, process_as};
use tallymark::store::NewReport;
use tallymark::base::Authenticated;

const HEAD: &str = "<feedback><report_metadata><org_name>r.example</org_name><email>a@r.example</email><report_id>1</report_id>\
    <date_range><begin>1764115200</begin><end>1795651199</end></date_range></report_metadata><policy_published>\
    <domain>example.com</domain><p>none</p></policy_published>";
const PIECES: [&str; 16] = [
    "<record>", "</record>", "<row>", "</row>", "<source_ip>192.0.2.", "</source_ip>", "<count>", "</count>",
    "<auth_results>", "</auth_results>", "<dkim><domain>", "</domain></dkim>", "<spf/>", "<dkim/>",
    "<reason><comment>", "</comment></reason>",
];

fuzz_target!(|bytes: &[u8]| {
    let mut text = HEAD.to_owned();
    for byte in bytes {
        match byte {
            0..16 => text.push_str(PIECES[usize::from(*byte)]),
            16..128 => text.push(char::from(*byte)),
            // The same again, so that a short input makes a long report.
            _ => {
                let from = text.len().saturating_sub(usize::from(byte - 127) * 16).max(HEAD.len());
                let from = text.ceil_char_boundary(from);
                if text.len() < 4 << 20 {
                    let again = text[from..].to_owned();
                    text.push_str(&again);
                }
            }
        }
    }
    text.push_str("</feedback>");
    let (clock, limits) = (Clock::system(), ProcessLimits::default());
    let began = clock.thread_time();
    let processed = process_as(Context::ReportAddress, &clock, text.as_bytes(), &limits);
    let held: usize = processed
        .reports
        .into_iter()
        .map(|found| NewReport::new(found.parsed, Authenticated::Unknown).bytes_held())
        .sum();
    assert!(held as u64 <= limits.cost.memory_bytes_max, "{held}");
    let took = clock.thread_time() - began;
    assert!(took < 2 * limits.time_max + Duration::from_secs(1), "{took:?} for {} bytes", text.len());
});
