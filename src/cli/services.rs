//! `tallymark services`: the services that sent as a domain, and checking a file of services.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::Context;
use super::asked::Asked;
use super::senders::{self, Found, Shown, evidence_text, flows_json, frame_json, named_json, remarks, way_text};
use super::text::{Align, Table, count, counted, escape, write_object};
use crate::enrich::{NamesFiles, ServiceFigures, Services, ServicesError, Tables, TablesError};
use crate::store::Whose;

/// List the services that sent mail as a domain, or check a file of services.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  tallymark services example.com
  tallymark services example.com --days 7 --json
  tallymark services check /etc/tallymark/services.tsv

A row is a service that proved itself, or the operator of the addresses where none did. The column `known by` is \
the evidence for most of its messages. docs/senders.md explains names and flows."
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    asked: Option<Asked>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check a file of services of your own, in the form of data/services.tsv. Exit code 1 if it has unusable lines.
    #[command(after_help = "Example:\n  tallymark services check /etc/tallymark/services.tsv")]
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// `services check`, which needs no settings.
pub fn check(command: &Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let Command::Check { file } = command;
    let files = NamesFiles {
        services: Some(file.clone()),
        networks: None,
    };
    let (own, all) = match Tables::load(&files) {
        Ok(tables) => (tables.services.counts(), Services::built_in().counts()),
        Err(TablesError::Services { path, error }) => {
            let ServicesError::Lines { listed, count } = error else {
                bail!("{} {error}", path.display());
            };
            for problem in &listed {
                writeln!(
                    out,
                    "{}:{}: {}",
                    escape(&path.display().to_string()),
                    problem.line,
                    escape(&problem.what)
                )?;
            }
            writeln!(out, "{} cannot be used.", counted(count as u64, "line", "lines"))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    writeln!(
        out,
        "{} and {} services that are compiled in.",
        counted((own.0 - all.0) as u64, "service", "services"),
        count(all.0 as u64)
    )?;
    Ok(ExitCode::SUCCESS)
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let asked = args.asked.context("give a domain")?;
    let found = senders::find(context, &asked).await?;
    if args.shown.json {
        print_json(&found, out)?;
    } else {
        print(&found, args.shown.limit, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(found: &Found, limit: usize, out: &mut dyn Write) -> anyhow::Result<()> {
    let services = &found.gathered.services;
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("category", Align::Left),
        ("known by", Align::Left),
        ("addresses", Align::Right),
        ("pass", Align::Right),
        ("fail", Align::Right),
        ("flow", Align::Left),
    ]);
    for row in services.iter().take(limit) {
        let named = row.named.as_ref();
        let category = named.and_then(|named| named.category);
        table.row([
            named.map_or("(no address)", |named| &named.name).to_owned(),
            category.map_or("-", |category| category.word()).to_owned(),
            named.map_or_else(|| "-".to_owned(), evidence_text),
            count(row.sources),
            count(row.counts.pass),
            count(row.counts.fail),
            way_text(&row.flows, row.decision),
        ]);
    }
    write!(out, "{table}")?;
    writeln!(
        out,
        "{}: {} passed, {} failed; {} to {}.",
        counted(services.len() as u64, "sender", "senders"),
        count(found.gathered.totals.pass),
        count(found.gathered.totals.fail),
        found.range.first,
        found.range.last,
    )?;
    for remark in remarks(found, services.len(), limit, "senders") {
        writeln!(out, "{}", escape(&remark))?;
    }
    Ok(())
}

fn print_json(found: &Found, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut answer = frame_json(found);
    answer["services"] = found.gathered.services.iter().map(row_json).collect();
    write_object(&answer, out)?;
    Ok(())
}

fn row_json(row: &ServiceFigures) -> serde_json::Value {
    let rules = row.rules.iter().map(|(rule, count)| (rule.word(), *count));
    let rules: serde_json::Map<_, _> = rules.map(|(word, count)| (word.to_owned(), count.into())).collect();
    json!({
        "service": named_json(row.named.as_ref()),
        "evidence": rules,
        "sources": row.sources,
        "pass": row.counts.pass,
        "fail": row.counts.fail,
        "flows": flows_json(&row.flows),
        "decision": row.decision.map(Whose::word),
    })
}
