//! `tallymark sources`: the addresses that sent as a domain, and who that is.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::Context;
use super::asked::Asked;
use super::senders::{self, Found, Shown, evidence_text, flows_json, frame_json, named_json, remarks, way_text};
use super::text::{Align, Table, count, counted, escape, write_object};
use crate::enrich::SourceFigures;
use crate::store::Whose;

/// List the addresses that sent mail as a domain, with their names and the evidence.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark sources example.com
  tallymark sources example.com --days 7 --json | jq '.sources[] | select(.fail > 0)'

The column `known by` is the evidence for a name: a signature (dkim) or MAIL FROM domain (mail_from, domain) that \
passed, otherwise the network (asn, as_name, network). docs/senders.md explains names and flows.")]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    shown: Shown,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let found = senders::find(context, &args.asked).await?;
    if args.shown.json {
        print_json(&found, out)?;
    } else {
        print(&found, args.shown.limit, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Found, limit: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let sources = &found.gathered.sources;
    let mut table = Table::new(&[
        ("address", Align::Left),
        ("name", Align::Left),
        ("known by", Align::Left),
        ("AS", Align::Right),
        ("country", Align::Left),
        ("pass", Align::Right),
        ("fail", Align::Right),
        ("flow", Align::Left),
    ]);
    for row in sources.iter().take(limit) {
        let best = row.name.best();
        table.row([
            address(row),
            best.map_or("-", |named| &named.name).to_owned(),
            best.map_or_else(|| "-".to_owned(), evidence_text),
            row.network.asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string()),
            row.network.country.unwrap_or("-").to_owned(),
            count(row.source.totals.pass),
            count(row.source.totals.fail),
            way_text(&row.flows, row.decision),
        ]);
    }
    write!(out, "{table}")?;
    writeln!(
        out,
        "{}: {} passed, {} failed; {} to {}.",
        counted(sources.len() as u64, "address", "addresses"),
        count(found.gathered.totals.pass),
        count(found.gathered.totals.fail),
        found.range.first,
        found.range.last,
    )?;
    for remark in remarks(found, sources.len(), limit, "addresses") {
        writeln!(out, "{}", escape(&remark))?;
    }
    Ok(())
}

fn print_json(found: &Found, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut answer = frame_json(found);
    answer["sources"] = found.gathered.sources.iter().map(row_json).collect();
    write_object(&answer, out)?;
    Ok(())
}

fn row_json(row: &SourceFigures<'_>) -> serde_json::Value {
    json!({
        "source_ip": row.source.address,
        "service": named_json(row.name.service.as_ref()),
        "organisation": named_json(row.name.organisation.as_ref()),
        "asn": row.network.asn,
        "as_name": row.network.as_name,
        "country": row.network.country,
        "pass": row.source.totals.pass,
        "fail": row.source.totals.fail,
        "flows": flows_json(&row.flows),
        "decision": row.decision.map(Whose::word),
        "first_seen": row.source.first_seen.to_string(),
        "last_seen": row.source.last_seen.to_string(),
    })
}

fn address(row: &SourceFigures<'_>) -> String {
    let address = row.source.address;
    address.map_or_else(|| "(unreadable)".to_owned(), |address| address.to_string())
}
