//! `tallymark admin distribute`: the domains' tables over the servers of a Citus cluster.

use std::io::Write;
use std::process::ExitCode;

use super::super::Context;
use crate::store::Store;

/// Spread the domains' tables over the servers of a PostgreSQL with the Citus extension.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The database of the settings must be the coordinator of a Citus cluster. Stop all nodes first, and start them \
afterwards: a node learns only when it starts that the domains are on several servers. Tables that are spread \
already stay as they are, so the command can be repeated.

With --check, nothing is changed. Exit code 0: every statement about one domain goes to one server. \
Exit code 1: some do not.

Example:
  tallymark --config /etc/tallymark/tallymark.toml admin distribute")]
pub struct Args {
    /// Only check whether every statement about one domain goes to one server.
    #[arg(long)]
    check: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let done = if args.check {
        check(&app.store, out).await
    } else {
        distribute(&app.store, out).await
    };
    app.close().await;
    done
}

async fn distribute(store: &Store, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let done = store.distribute().await?;
    if !done.now.is_empty() {
        writeln!(out, "spread {}", done.now.join(", "))?;
    }
    if !done.before.is_empty() {
        writeln!(out, "was spread before: {}", done.before.join(", "))?;
    }
    writeln!(
        out,
        "start the nodes again, then see `tallymark admin distribute --check`"
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn check(store: &Store, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let misrouted = store.misrouted().await?;
    for found in &misrouted {
        writeln!(out, "{} does not go to one server:", found.statement)?;
        for line in found.why.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    if !misrouted.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "every statement about one domain goes to one server")?;
    Ok(ExitCode::SUCCESS)
}
