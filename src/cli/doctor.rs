//! `tallymark doctor`: whether this machine, its settings and the DNS let reports arrive and be read.

mod database;
mod finding;
mod machine;
mod names;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use self::finding::{Checked, State};
use super::text::{Printed, counted, escape, write_object};
use crate::base::clock::Clock;
use crate::base::text::causes;
use crate::config::Config;
use crate::dns::Dns;

/// Look for what keeps reports from arriving or being read, and say what to do about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tallymark doctor
  tallymark --config /etc/tallymark/tallymark.toml doctor --json

Looks at the settings, the clock, the folder and its disk, the database, the ports, the name servers, and the records that the \
operator publishes for the host of the reports. Each line is ok, warn or fail, with what to do next. Nothing is changed, and only \
name servers are asked. Run it as the user that runs `serve`.

Exit code 0: no line is fail. Exit code 1: a line is fail.")]
pub struct Args {
    #[command(flatten)]
    printed: Printed,
}

pub async fn run(
    args: &Args,
    config: Option<&Path>,
    data: Option<PathBuf>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let checks = look(config, data).await;
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Ok);
    if args.printed.json {
        let answer = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "state": worst.word(),
            "checks": checks.iter().map(Checked::json).collect::<Vec<_>>(),
        });
        write_object(&answer, out)?;
    } else {
        print(&checks, out)?;
    }
    Ok(match worst {
        State::Fail => ExitCode::FAILURE,
        State::Ok | State::Warn => ExitCode::SUCCESS,
    })
}

/// Everything, in the order in which a person would repair it.
async fn look(config: Option<&Path>, data: Option<PathBuf>) -> Vec<Checked> {
    let version = format!("tallymark {}", env!("CARGO_PKG_VERSION"));
    let mut checks = vec![Checked::ok("version", version)];
    let mut config = match Config::load(config) {
        Ok(config) => config,
        Err(error) => {
            let next = "Correct the settings; `tallymark config example` explains them all.";
            checks.push(Checked::fail("settings", causes(&error), next));
            return checks;
        }
    };
    if let Some(data) = data {
        config.database.dir = data;
        config.database.url.clear();
    }
    checks.extend(settings(&config));
    let clock = Clock::system();
    checks.push(machine::clock(clock.now()));
    checks.extend(machine::folder(&config));
    checks.extend(database::look(&config, clock.now()).await);
    let held = machine::Serving::look(&config);
    checks.extend(machine::ports(&config, &held));
    checks.extend(machine::certificate(&config));
    checks.extend(machine::intake(&config));
    let hosts = crate::app::service_names(&config);
    checks.extend(names::settings(&hosts));
    checks.push(names::posts(&config));
    match Dns::new(&config.domains.dns) {
        Ok(dns) => checks.extend(names::look(&dns, &hosts).await),
        Err(error) => {
            let next = "Name the servers in domains.resolvers.";
            checks.push(Checked::fail("name servers", error.to_string(), next));
        }
    }
    checks
}

fn settings(config: &Config) -> Vec<Checked> {
    let mut checks: Vec<_> = config
        .notes()
        .into_iter()
        .map(|note| Checked::warn("settings", note, "Correct the settings."))
        .collect();
    if let Err(error) = crate::app::tables(config) {
        let next = "Correct the file, or take its setting out of [enrich].";
        checks.push(Checked::fail("settings", causes(&error), next));
    }
    if checks.is_empty() {
        checks.push(Checked::ok("settings", "can be used".to_owned()));
    }
    checks
}

fn print(checks: &[Checked], out: &mut dyn Write) -> anyhow::Result<()> {
    let width = checks.iter().map(|check| check.what.len()).max().unwrap_or(0);
    for check in checks {
        let (state, what) = (check.state.word(), check.what);
        writeln!(out, "{state:<4}  {what:<width$}  {}", escape(&check.says))?;
        if let Some(next) = &check.next {
            writeln!(out, "      {:<width$}  > {}", "", escape(next))?;
        }
    }
    let of = |state| checks.iter().filter(|check| check.state == state).count() as u64;
    match (of(State::Fail), of(State::Warn)) {
        (0, 0) => writeln!(out, "\nEverything is in order.")?,
        (failures, warnings) => writeln!(
            out,
            "\n{}, {}.",
            counted(failures, "failure", "failures"),
            counted(warnings, "warning", "warnings")
        )?,
    }
    Ok(())
}
