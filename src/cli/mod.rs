//! The commands: one file each, in the order arguments, command, what it prints.

mod accounts;
mod admin;
mod advice;
mod asked;
mod attention;
mod changes;
mod completions;
mod config;
mod context;
mod digest;
mod doctor;
mod domains;
mod import;
mod ingest;
mod ips;
mod keys;
mod man;
mod networks;
mod openapi;
mod parse;
mod plausibility;
mod progress;
mod quarantine;
mod readiness;
mod receipts;
mod reports;
mod selectors;
mod senders;
mod serve;
mod services;
mod simulate;
mod sources;
mod spf;
mod stats;
mod text;
mod verify;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use context::Context;

use crate::base::text::causes;
use crate::heap;

/// DMARC aggregate report collector: shows who sends mail in your name, and whether it passes.
#[derive(Debug, Parser)]
#[command(
    name = "tallymark",
    version,
    max_term_width = 110,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "\
Try it:
  tallymark serve --demo                   reports of the last 30 days, to look at
  tallymark import --add-domains ~/dmarc   your own: files, mails, mailboxes
  tallymark parse report.xml.gz            show one report, without storing it

Settings come from --config FILE and from TALLYMARK__SECTION__KEY in the environment;
`tallymark config example` lists them all."
)]
struct Cli {
    /// Settings file. Without one, every setting has its default.
    #[arg(long, global = true, value_name = "FILE", env = "TALLYMARK_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the database [default: ./tallymark-data, or database.dir of the settings].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Import(import::Args),
    Ingest(ingest::Args),
    Parse(parse::Args),
    #[command(subcommand)]
    Domains(domains::Command),
    #[command(subcommand)]
    Ips(ips::Command),
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Accounts(accounts::Command),
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    #[command(subcommand)]
    Reports(reports::Command),
    Stats(stats::Args),
    Attention(attention::Args),
    Sources(sources::Args),
    Services(services::Args),
    Readiness(readiness::Args),
    Digest(digest::Args),
    Simulate(simulate::Args),
    Spf(spf::Args),
    Selectors(selectors::Args),
    Plausibility(plausibility::Args),
    Receipts(receipts::Args),
    #[command(subcommand)]
    Changes(changes::Command),
    Networks(networks::Args),
    Verify(verify::Args),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Admin(admin::Command),
    #[command(subcommand)]
    Config(config::Command),
    Openapi(openapi::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command that the arguments name. Exit codes: 0 done, 1 not or not wholly, 2 the arguments are wrong; of
/// `ingest`, 0 or 75.
pub fn main() -> ExitCode {
    let cli = Cli::try_parse();
    let delivers = match &cli {
        Ok(cli) => matches!(cli.command, Command::Ingest(_)),
        Err(_) => std::env::args_os().any(|argument| argument == "ingest"),
    };
    if !delivers {
        return run_main(cli);
    }
    // A mail server takes every other code, and so a mistake in the settings, for a reason to send the mail back.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_main(cli))) {
        Ok(code) if code == ExitCode::SUCCESS => code,
        _ => ExitCode::from(ingest::TRY_AGAIN),
    }
}

fn run_main(cli: Result<Cli, clap::Error>) -> ExitCode {
    heap::set_up();
    let cli = match cli {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = run(cli, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        // The reader of our output has read enough (`| head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = out.flush();
            let _ = writeln!(io::stderr(), "error: {}", text::escape_lines(&causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

/// Steps of tasks that a worker takes before it looks for connections and for what they have sent. The runtime's own 61 steps
/// of a crowd's connections take 20 ms, and a mail needs eight such looks.
const TASKS_BETWEEN_EVENTS: u32 = 16;

fn run(cli: Cli, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // These answer without a database. All but those of the network table and of settings need no settings, and must not fail
    // because of wrong ones.
    match cli.command {
        Command::Completions(args) => return completions::run(&args, &mut Cli::command(), out),
        Command::Man(man::Args {}) => return man::run(&mut Cli::command(), out),
        Command::Openapi(args) => return openapi::run(&args, out),
        Command::Networks(args) => return networks::run(&args, cli.config.as_deref(), out),
        Command::Services(services::Args {
            command: Some(command), ..
        }) => return services::check(&command, out),
        Command::Config(command) => return config::run(command, cli.config.as_deref(), cli.data, out),
        _ => {}
    }
    advice::remember(cli.config.as_deref(), cli.data.as_deref());
    if let Command::Doctor(args) = cli.command {
        return runtime()?.block_on(Box::pin(doctor::run(&args, cli.config.as_deref(), cli.data, out)));
    }
    let context = Context::load(cli.config.as_deref(), cli.data)?;
    if let Command::Parse(args) = cli.command {
        return parse::run(&context, &args, out);
    }
    runtime()?.block_on(async {
        match cli.command {
            Command::Serve(args) => Box::pin(serve::run(context, args, out)).await,
            Command::Import(args) => import::run(context, args, out).await,
            Command::Ingest(args) => ingest::run(context, args, out).await,
            Command::Domains(command) => Box::pin(domains::run(context, command, out)).await,
            Command::Ips(command) => ips::run(context, command, out).await,
            Command::Keys(command) => Box::pin(keys::run(context, command, out)).await,
            Command::Accounts(command) => Box::pin(accounts::run(context, command, out)).await,
            Command::Quarantine(command) => quarantine::run(context, command, out).await,
            Command::Reports(command) => Box::pin(reports::run(context, command, out)).await,
            Command::Admin(command) => Box::pin(admin::run(context, command, out)).await,
            Command::Verify(args) => verify::run(context, args, out).await,
            Command::Stats(args) => Box::pin(stats::run(context, args, out)).await,
            Command::Attention(args) => Box::pin(attention::run(context, args, out)).await,
            Command::Sources(args) => Box::pin(sources::run(context, args, out)).await,
            Command::Services(args) => Box::pin(services::run(context, args, out)).await,
            Command::Readiness(args) => Box::pin(readiness::run(context, args, out)).await,
            Command::Digest(args) => Box::pin(digest::run(context, args, out)).await,
            Command::Simulate(args) => Box::pin(simulate::run(context, args, out)).await,
            Command::Changes(command) => Box::pin(changes::run(context, command, out)).await,
            Command::Receipts(args) => Box::pin(receipts::run(context, args, out)).await,
            Command::Plausibility(args) => Box::pin(plausibility::run(context, args, out)).await,
            Command::Selectors(args) => Box::pin(selectors::run(context, args, out)).await,
            Command::Spf(args) => Box::pin(spf::run(context, args, out)).await,
            Command::Parse(_)
            | Command::Doctor(_)
            | Command::Man(_)
            | Command::Config(_)
            | Command::Openapi(_)
            | Command::Networks(_)
            | Command::Completions(_) => {
                unreachable!("answered above")
            }
        }
    })
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .event_interval(TASKS_BETWEEN_EVENTS)
        .enable_all()
        .build()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_says_what_it_is() {
        fn check(command: &clap::Command) {
            for argument in command
                .get_arguments()
                .filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
            {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            for below in command.get_subcommands() {
                assert!(below.get_about().is_some(), "{}", below.get_name());
                check(below);
            }
        }
        check(&Cli::command());
    }
}
