//! `tallymark config`: the settings, explained and checked.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::text::{counted, escape_lines};
use crate::app;
use crate::base::clock::Clock;
use crate::config::Config;
use crate::store::{Purged, Store};

/// Show all settings, or check a settings file.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print a settings file with every setting, its meaning and its default.
    #[command(after_help = "Example:\n  tallymark config example > tallymark.toml")]
    Example,
    /// Check a settings file, the environment and the files for names, and show what retention would delete.
    #[command(after_help = "Example:\n  tallymark config check tallymark.toml")]
    Check {
        /// Settings file [default: that of --config].
        file: Option<PathBuf>,
    },
}

pub fn run(
    command: Command,
    config: Option<&Path>,
    data: Option<PathBuf>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Example => write!(out, "{}", Config::example())?,
        Command::Check { file } => {
            let file = file.as_deref().or(config);
            let mut config = Config::load(file)?;
            if let Some(data) = data {
                config.database.dir = data;
                config.database.url.clear();
            }
            app::tables(&config)?;
            match file {
                Some(file) => writeln!(out, "{} is good", file.display())?,
                None => writeln!(out, "the environment is good (no file was given)")?,
            }
            for note in config.notes().into_iter().chain(would_drop(&config)) {
                writeln!(out, "note: {}", escape_lines(&note))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A warning of what the settings would delete from the existing database, if anything.
fn would_drop(config: &Config) -> Option<String> {
    let looked = (|| {
        let location = app::database(config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let preview = Store::preview(&location, config.retention.kept, Clock::system().now());
        anyhow::Ok(runtime.block_on(preview)?)
    })();
    match looked {
        Ok(None) => None,
        Ok(Some(due)) if due == Purged::default() => None,
        Ok(Some(due)) => Some(format!(
            "with these settings, `serve` would drop {} with {}, {}, {} and {} from the database, for good. To keep \
             them, raise retention.records_days, originals_days, failure_reports_days and set_aside_days, or set them to 0",
            counted(due.reports, "report's records", "reports' records"),
            counted(due.records, "record", "records"),
            counted(due.originals, "original", "originals"),
            counted(due.failure_reports, "failure report", "failure reports"),
            counted(
                due.set_aside,
                "message that was set aside",
                "messages that were set aside"
            ),
        )),
        Err(error) => Some(format!(
            "the database cannot be looked at, so that it is not known what retention would drop: {}",
            crate::base::text::causes(&*error)
        )),
    }
}
