//! `tallymark admin`: moving and spreading the database.

mod copy;
mod distribute;

use std::io::Write;
use std::process::ExitCode;

use super::Context;

/// Copy the database elsewhere, or spread it over several servers.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Copy(copy::Args),
    Distribute(distribute::Args),
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Copy(args) => copy::run(context, args, out).await,
        Command::Distribute(args) => distribute::run(context, args, out).await,
    }
}
