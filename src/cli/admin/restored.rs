//! `tallymark admin restored`: a database that ends before its mark is meant to.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use super::super::Context;
use super::super::text::counted;
use crate::app;
use crate::store::{Location, Store};

/// Accept a SQLite database that is older than the last acknowledged commit, after a backup was restored.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The number of the last commit is stored next to the database (tallymark.sqlite.mark). A database that ends before \
that commit is not opened, because its log may have been lost. Run this command after you restored a backup on \
purpose. Reports that arrived after the backup count again once you import them again (`tallymark import`).

Example:
  tallymark --config /etc/tallymark/tallymark.toml admin restored")]
pub struct Args {}

pub fn run(context: &Context, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let location = app::database(&context.config)?;
    let Location::File(path) = &location else {
        bail!("{location} keeps no mark: a server's backups need nothing of this program");
    };
    if !app::is_there(path)? {
        bail!("there is no database at {}: restore it first", path.display());
    }
    let accepted = Store::accept_restored(path).map_err(|error| app::not_opened(&location, error))?;
    match accepted {
        Some(behind) => writeln!(
            out,
            "{} is accepted as it is: it ends with commit {}, at least {} before the last one that was acknowledged",
            path.display(),
            behind.stored,
            counted(behind.lost(), "commit", "commits")
        )?,
        None => writeln!(out, "{} lacks nothing that is known", path.display())?,
    }
    Ok(ExitCode::SUCCESS)
}
