//! `tallymark admin copy`: everything into another database.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use super::super::Context;
use super::super::progress::Progress;
use super::super::text::{count, counted};
use crate::app;
use crate::store::{Location, Store};

/// Copy everything into an empty database, of the other kind or the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The database must not change while it is copied: stop `tallymark serve` first. Sending servers keep their mail \
meanwhile.
The copy may be interrupted: the same command continues it. The target cannot be used until the copy is complete.
Afterwards `tallymark verify` reports the same figures for both.

Example:
  tallymark admin copy --from sqlite:///var/lib/tallymark/tallymark.sqlite --to postgres://tallymark@db.example/tallymark")]
pub struct Args {
    /// The database to copy: sqlite://PATH or postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The database to copy into: empty, or holding an unfinished copy of the same.
    #[arg(long, value_name = "URL")]
    to: String,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (from, to) = (Location::parse(&args.from)?, Location::parse(&args.to)?);
    if let Location::File(path) = &from
        && !app::is_there(path)?
    {
        bail!("there is no database at {}", path.display());
    }
    if from == to {
        bail!("--from and --to are the same database");
    }
    let source = Store::open(from.clone())
        .await
        .map_err(|error| app::not_opened(&from, error))?;
    let target = Store::open_to_copy(to.clone())
        .await
        .map_err(|error| app::not_opened(&to, error))?;
    let progress = Progress::new(context.clock, "rows");
    let copied = source
        .copy_to(&target, &|done, all| {
            progress.set_weight_of_all(all);
            progress.set_things(done);
        })
        .await;
    progress.finish();
    target.close().await;
    source.close().await;
    let copied = copied?;
    write!(
        out,
        "copied {} of {} to {to}",
        counted(copied.rows, "row", "rows"),
        counted(copied.tables, "table", "tables")
    )?;
    if copied.rows_before > 0 {
        write!(out, "; {} were there before", count(copied.rows_before))?;
    }
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
