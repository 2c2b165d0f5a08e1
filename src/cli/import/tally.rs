//! What became of everything, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::base::SetAsideKind;
use crate::cli::advice;
use crate::cli::text::{count, counted, duration, escape};
use crate::feeds::files::Unreadable;
use crate::ingest::{Fate, Outcome};
use crate::store::{StoredReport, StoredTlsReport};

/// Maximum number of unreadable files named in the summary.
const NAMED_MAX: usize = 20;

/// The sums of an import.
#[derive(Debug, Default)]
pub struct Tally {
    pub files: u64,
    pub took: Duration,
    /// Domains that are not added and that reports are about, now.
    pub unclaimed_domains: Vec<String>,
    /// Windows that ended before this instant, unix seconds, are older than `records_days`; `None`: records are kept for
    /// ever.
    pub old_before: Option<i64>,
    /// How long records are kept, days.
    pub records_days: u32,
    messages: u64,
    bytes: u64,
    stored: Reports,
    duplicates: u64,
    restored: Reports,
    conflicts: u64,
    /// Kept, and in no figure until the owner accepts them.
    held: Reports,
    /// Reports whose window ended before `old_before`.
    old: Reports,
    completed: u64,
    tls: TlsReports,
    failures: FailureReports,
    set_aside: BTreeMap<(&'static str, String), u64>,
    unreadable: u64,
    unreadable_named: Vec<String>,
}

/// Failure reports by what became of them.
#[derive(Debug, Default)]
struct FailureReports {
    stored: u64,
    duplicates: u64,
}

/// TLS reports by what became of them.
#[derive(Debug, Default)]
struct TlsReports {
    stored: u64,
    held: u64,
    duplicates: u64,
    conflicts: u64,
}

impl TlsReports {
    fn add(&mut self, report: &StoredTlsReport) {
        *match report.fate {
            Fate::Duplicate => &mut self.duplicates,
            _ if report.acceptance.is_held() => &mut self.held,
            Fate::Conflict => &mut self.conflicts,
            Fate::Stored | Fate::Completed => &mut self.stored,
        } += 1;
    }
}

/// New reports and what they hold.
#[derive(Debug, Default)]
struct Reports {
    reports: u64,
    records: u64,
    messages: u64,
}

impl Reports {
    fn add(&mut self, report: &StoredReport) {
        self.reports += 1;
        self.records += report.records;
        self.messages += report.messages;
    }
}

impl Tally {
    /// Counts a message that is in the database.
    pub fn add_outcome(&mut self, bytes_len: u64, outcome: &Outcome) {
        self.messages += 1;
        self.bytes += bytes_len;
        for report in &outcome.reports {
            match report.fate {
                Fate::Stored | Fate::Completed | Fate::Conflict if report.acceptance.is_held() => self.held.add(report),
                Fate::Stored => self.stored.add(report),
                Fate::Completed => {
                    self.completed += 1;
                    self.stored.records += report.records;
                    // Those of the piece have been counted before.
                    self.stored.messages = (self.stored.messages + report.messages).saturating_sub(report.replaced);
                }
                Fate::Duplicate => self.duplicates += 1,
                Fate::Conflict => self.conflicts += 1,
            }
            if report.restored {
                self.restored.add(report);
            }
            let brings_records = report.restored || report.fate != Fate::Duplicate;
            if brings_records && self.old_before.is_some_and(|before| report.window.end < before) {
                self.old.add(report);
            }
        }
        outcome.tls_reports.iter().for_each(|report| self.tls.add(report));
        match outcome.failure.as_ref().map(|report| report.fate) {
            Some(Fate::Duplicate) => self.failures.duplicates += 1,
            Some(_) => self.failures.stored += 1,
            None => {}
        }
        for note in &outcome.set_aside {
            *self
                .set_aside
                .entry((note.kind.word(), note.reason.clone()))
                .or_default() += 1;
        }
    }

    /// Counts a file, or a message in one, that could not be read.
    pub fn add_unreadable(&mut self, error: &Unreadable) {
        self.unreadable += 1;
        if self.unreadable_named.len() < NAMED_MAX {
            self.unreadable_named.push(error.to_string());
        }
    }

    /// How many files, or messages in one, could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether a report was stored.
    pub fn has_stored(&self) -> bool {
        self.stored.reports > 0
    }

    /// The summary for programs.
    pub fn json(&self) -> serde_json::Value {
        let by_reason = |kind: SetAsideKind| -> serde_json::Map<String, serde_json::Value> {
            let of_kind = self.set_aside.iter().filter(|((word, _), _)| *word == kind.word());
            of_kind
                .map(|((_, reason), number)| (reason.clone(), (*number).into()))
                .collect()
        };
        json!({
            "files": self.files,
            "messages": self.messages,
            "bytes": self.bytes,
            "seconds": self.took.as_secs_f64(),
            "reports": {
                "stored": self.stored.reports,
                "duplicates": self.duplicates,
                "restored": self.restored.reports,
                "restored_records": self.restored.records,
                "older_than_records_days": self.old.reports,
                "records_older_than_records_days": self.old.records,
                "conflicts": self.conflicts,
                "held": self.held.reports,
                "completed": self.completed,
                "records": self.stored.records,
                "counted_messages": self.stored.messages,
            },
            "tls_reports": {
                "stored": self.tls.stored,
                "duplicates": self.tls.duplicates,
                "conflicts": self.tls.conflicts,
                "held": self.tls.held,
            },
            "failure_reports": {
                "stored": self.failures.stored,
                "duplicates": self.failures.duplicates,
            },
            "quarantined": by_reason(SetAsideKind::Quarantined),
            "unclaimed": self.number(SetAsideKind::Unclaimed),
            "unclaimed_domains": self.unclaimed_domains,
            "other_mail": by_reason(SetAsideKind::Other),
            "unreadable_files": self.unreadable,
            "unreadable": self.unreadable_named,
        })
    }

    fn number(&self, kind: SetAsideKind) -> u64 {
        let of_kind = self.set_aside.iter().filter(|((word, _), _)| *word == kind.word());
        of_kind.map(|(_, number)| number).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, number: u64, note: &str| line(f, name, number, note);
        let rate = |number: u64| format!("{:.0} a second", number as f64 / self.took.as_secs_f64().max(0.001));
        line("files", self.files, &format!("in {}", duration(self.took)))?;
        line("mails and files read", self.messages, &rate(self.messages))?;
        line("reports stored", self.stored.reports, &rate(self.stored.reports))?;
        line("  records in them", self.stored.records, &rate(self.stored.records))?;
        line("  messages counted", self.stored.messages, "")?;
        line("duplicate reports", self.duplicates, "known already, not counted again")?;
        if self.restored.reports > 0 {
            line(
                "  records restored",
                self.restored.records,
                "retention had dropped them",
            )?;
        }
        if self.completed > 0 {
            line(
                "completed reports",
                self.completed,
                "a piece had come before: the whole takes its place",
            )?;
        }
        line(
            "conflicting reports",
            self.conflicts,
            "same identity, other content: both kept, one counted",
        )?;
        if self.held.reports > 0 {
            line(
                "held reports",
                self.held.reports,
                "about more messages or addresses than the limit: `tallymark reports list DOMAIN --held`",
            )?;
        }
        let TlsReports {
            stored,
            held,
            duplicates,
            conflicts,
        } = self.tls;
        for (name, number) in [
            ("TLS reports stored", stored),
            ("  duplicates", duplicates),
            ("  conflicting", conflicts),
            ("  held", held),
            ("failure reports stored", self.failures.stored),
            ("  duplicates", self.failures.duplicates),
        ] {
            if number > 0 {
                line(name, number, "")?;
            }
        }
        self.write_set_aside(f)?;
        self.write_unreadable(f)?;
        self.write_old(f)?;
        self.write_unclaimed(f)
    }
}

/// A number with its name, and with a note unless it is 0.
fn line(f: &mut fmt::Formatter<'_>, name: &str, number: u64, note: &str) -> fmt::Result {
    let note = if number > 0 { note } else { "" };
    writeln!(f, "{}", format!("{name:<22} {:>13}  {note}", count(number)).trim_end())
}

impl Tally {
    fn write_set_aside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, note) in [
            (
                SetAsideKind::Quarantined,
                &*format!("see: {}", advice::command("quarantine list")),
            ),
            (SetAsideKind::Unclaimed, "about domains that were not added"),
            (SetAsideKind::Other, "mail without any aggregate report"),
        ] {
            let name = if kind == SetAsideKind::Other {
                "other mail"
            } else {
                kind.word()
            };
            line(f, name, self.number(kind), note)?;
            let of_kind = self.set_aside.iter().filter(|((word, _), _)| *word == kind.word());
            for ((_, reason), number) in of_kind.filter(|_| kind != SetAsideKind::Unclaimed) {
                line(f, &format!("  {}", escape(reason)), *number, "")?;
            }
        }
        Ok(())
    }

    fn write_unreadable(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "unreadable files", self.unreadable, "")?;
        for named in &self.unreadable_named {
            writeln!(f, "  {}", escape(named))?;
        }
        Ok(())
    }

    fn write_old(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.old.reports > 0 {
            let days = self.records_days;
            writeln!(
                f,
                "\nThe windows of {} with {} ended more than {days} days ago (retention.records_days). Their records are kept for {days} \
                 days from this import.\nTo keep records for ever, set retention.records_days = 0.",
                counted(self.old.reports, "report", "reports"),
                counted(self.old.records, "record", "records"),
            )?;
        }
        Ok(())
    }

    fn write_unclaimed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.unclaimed_domains.first() else {
            return Ok(());
        };
        let shown: Vec<_> = self
            .unclaimed_domains
            .iter()
            .take(10)
            .map(|name| escape(name))
            .collect();
        let more = self.unclaimed_domains.len() - shown.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        writeln!(f, "\nUnclaimed reports are about {}{more}.", shown.join(", "))?;
        match self
            .unclaimed_domains
            .iter()
            .find_map(|name| advice::add_domain(name).ok())
        {
            Some(command) => {
                writeln!(f, "To count them: {command}")?;
                writeln!(f, "or, for all at once, import again with --add-domains")?;
            }
            None => {
                let why = advice::add_domain(first).err().map(|error| error.to_string());
                let why = why.unwrap_or_default();
                writeln!(
                    f,
                    "No such domain can be added, so they stay unclaimed: {} {why}",
                    escape(first)
                )?;
            }
        }
        Ok(())
    }
}
