//! `tallymark parse`: what is in a file, without any database.

mod csv;
mod json;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use rayon::prelude::*;

use super::Context;
use super::text::{count, counted, escape, percent};
use crate::app;
use crate::feeds::files::{FileMessage, Messages, Unreadable, Walk};
use crate::ingest::{self, Processed};
use crate::report::aggregate::Report;
use crate::report::tls;
use crate::tally::Totals;

/// As the threads of the intake: hostile mails are deeply nested.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// Messages parsed in parallel, then shown in their order.
const AT_ONCE_MESSAGES: usize = 64;
const AT_ONCE_BYTES: usize = 1024 * 1024;

/// Show the contents of reports, without a database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark parse report.xml.gz
  tallymark parse --format csv ~/dmarc-reports > records.csv
  tallymark parse --format json mail.eml | jq '.reports[].policy'

table: a line per message with its reports, records and messages, and below it its TLS reports and what could not be read.
csv:   a line per record, none for TLS reports. Cells that a spreadsheet would take for a formula begin with a quote.
json:  an object per message, each on one line, with everything that was read and every warning.

Exit code 1: a file, or a report in a file, could not be read.")]
pub struct Args {
    /// Files and folders: XML, gzip, zip, mails, mailboxes.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How reports are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per message.
    Json,
    /// One line per record.
    Csv,
    /// One line per message.
    Table,
}

pub fn run(context: &Context, args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let limits = app::process_limits(&context.config);
    let threads = rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES).build()?;
    let mut sums = Sums::default();
    match args.format {
        Format::Csv => csv::write_header(out)?,
        Format::Table => writeln!(out, "reports     records      messages   passed  file")?,
        Format::Json => {}
    }
    let mut waiting = Vec::new();
    let mut waiting_bytes = 0;
    let mut show_waiting = |waiting: &mut Vec<FileMessage>, sums: &mut Sums| -> anyhow::Result<()> {
        let process = |message: &FileMessage| ingest::process(&context.clock, &message.bytes, &limits);
        let processed: Vec<_> = threads.install(|| waiting.par_iter().map(process).collect());
        for (message, processed) in waiting.drain(..).zip(&processed) {
            show(&message.origin, processed, args.format, sums, out)?;
        }
        Ok(())
    };
    for message in messages(&args.files, context.config.limits.message_bytes_max) {
        match message {
            Ok(message) => {
                waiting_bytes += message.bytes.len();
                waiting.push(message);
            }
            Err(error) => {
                sums.broken += 1;
                eprintln_safe(&format!("cannot read {error}"));
            }
        }
        if waiting.len() >= AT_ONCE_MESSAGES || waiting_bytes >= AT_ONCE_BYTES {
            show_waiting(&mut waiting, &mut sums)?;
            waiting_bytes = 0;
        }
    }
    show_waiting(&mut waiting, &mut sums)?;
    if args.format == Format::Table && sums.files > 1 {
        writeln!(
            out,
            "{}",
            sums.line(&format!("in {}", counted(sums.files, "message", "messages")))
        )?;
    }
    Ok(if sums.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn messages(files: &[PathBuf], message_bytes_max: u64) -> impl Iterator<Item = Result<FileMessage, Unreadable>> {
    Walk::new(files).flat_map(move |path| {
        let (messages, error) = match path.and_then(|path| Messages::open(&path, message_bytes_max)) {
            Ok(messages) => (Some(messages), None),
            Err(error) => (None, Some(Err(error))),
        };
        messages.into_iter().flatten().chain(error)
    })
}

/// What was read, in one message or in all.
#[derive(Debug, Default)]
struct Sums {
    files: u64,
    reports: u64,
    records: u64,
    totals: Totals,
    /// Files and reports that could not be read.
    broken: u64,
}

impl Sums {
    fn from_processed(processed: &Processed) -> Self {
        let mut sums = Self {
            files: 1,
            reports: processed.reports.len() as u64,
            broken: processed.problems.len() as u64,
            ..Self::default()
        };
        for leaf in &processed.reports {
            sums.records += leaf.parsed.report.records.len() as u64;
            sums.totals.add(&totals(&leaf.parsed.report));
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.reports += other.reports;
        self.records += other.records;
        self.totals.add(&other.totals);
        self.broken += other.broken;
    }

    fn line(&self, name: &str) -> String {
        let messages = self.totals.messages();
        let passed = percent(self.totals.pass, self.totals.fail);
        format!(
            "{:>7} {:>11} {:>13} {:>8}  {}",
            count(self.reports),
            count(self.records),
            count(messages),
            passed,
            escape(name)
        )
    }
}

fn totals(report: &Report) -> Totals {
    let mut totals = Totals::default();
    for record in &report.records {
        totals.add_verdict(report.verdict(record), record.count);
    }
    totals
}

fn show(name: &str, processed: &Processed, format: Format, sums: &mut Sums, out: &mut dyn Write) -> anyhow::Result<()> {
    let of_this = Sums::from_processed(processed);
    match format {
        Format::Json => json::write(name, processed, out)?,
        Format::Csv => {
            for leaf in &processed.reports {
                csv::write(name, &leaf.parsed.report, out)?;
            }
        }
        Format::Table => {
            writeln!(out, "{}", of_this.line(name))?;
            for leaf in &processed.tls_reports {
                writeln!(out, "{:>42}  = {}", "", escape(&tls_line(&leaf.parsed.report)))?;
            }
            for problem in &processed.problems {
                let place = if problem.leaf.is_empty() {
                    String::new()
                } else {
                    format!("{}: ", problem.leaf)
                };
                writeln!(
                    out,
                    "{:>42}  ! {}",
                    "",
                    escape(&format!("{place}{}: {}", problem.reason, problem.detail))
                )?;
            }
            if processed.is_other() {
                writeln!(out, "{:>42}  - no aggregate report in it: {}", "", processed.other)?;
            }
        }
    }
    sums.add(&of_this);
    Ok(())
}

/// A TLS report in one line. The sessions of two policies may be the same, so they are not added.
fn tls_line(report: &tls::Report) -> String {
    let policies = report.policies.iter().map(|policy| {
        let details = match policy.failures.len() as u64 {
            0 => String::new(),
            details => format!(" ({})", counted(details, "detail", "details")),
        };
        let kind = if policy.kind.is_empty() {
            "unknown"
        } else {
            &policy.kind
        };
        let (successful, failed) = (count(policy.successful), count(policy.failed));
        format!("{kind}: {successful} successful and {failed} failed sessions{details}")
    });
    let policies: Vec<_> = policies.collect();
    let from = report.org_name.as_deref().unwrap_or("an unnamed reporter");
    let about = if report.domain.is_empty() {
        "an unnamed domain"
    } else {
        &report.domain
    };
    format!("TLS report about {about} from {from}: {}", policies.join("; "))
}

fn eprintln_safe(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escape(line));
}
