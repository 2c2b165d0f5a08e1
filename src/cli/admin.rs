//! `tallymark admin`: moving, spreading and restoring the database.

mod copy;
mod distribute;
mod restored;

use std::io::Write;
use std::process::ExitCode;

use super::Context;

/// Copy the database, spread it over several servers, or accept a restored one.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Copy(copy::Args),
    Distribute(distribute::Args),
    Restored(restored::Args),
}

pub async fn run(context: Context, command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Copy(args) => copy::run(context, args, out).await,
        Command::Distribute(args) => distribute::run(context, args, out).await,
        Command::Restored(_) => restored::run(&context, out),
    }
}
