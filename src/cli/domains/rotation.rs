//! `tallymark domains rotate-dkim`: from one DKIM key of a domain to the next.

use std::io::Write;
use std::process::ExitCode;

use super::by_id_or_name;
use crate::api::RotationOne;
use crate::base::clock::format_instant;
use crate::cli::text::{Printed, write_object};
use crate::cli::{Context, advice};
use crate::domains::{DomainsError, KeyRotation, RotationState, Wait};
use crate::store::{Domain, OtherKey, RotationStage};

/// Of which domain, and what is done.
#[derive(Debug, clap::Args)]
pub struct Rotated {
    /// The domain, or its id (dom_...).
    domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Let the next key sign, if DNS has its record and the wait is over.
    #[arg(long, conflicts_with = "cancel")]
    activate: bool,
    /// With --activate: do not wait for caches that are without the record.
    #[arg(long, requires = "activate")]
    force: bool,
    /// Forget the next key, which does not sign yet.
    #[arg(long)]
    cancel: bool,
    #[command(flatten)]
    printed: Printed,
}

pub(super) async fn run(context: Context, rotated: &Rotated, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let domain = by_id_or_name(&app, &rotated.domain, rotated.account.as_deref()).await?;
    let known = app.domains.rotation(&domain).await?;
    let wait = if rotated.force { Wait::Skipped } else { Wait::Kept };
    let done = match (rotated.activate, rotated.cancel, known.state()) {
        (true, ..) => app.domains.activate_rotation(&domain, wait).await,
        (_, true, _) => app.domains.cancel_rotation(&domain).await,
        (.., RotationState::Idle) => app.domains.rotate(&domain).await,
        _ => Ok(known),
    };
    app.close().await;
    let keys = match done {
        Err(DomainsError::Refused(why) | DomainsError::Unread(why)) => {
            writeln!(std::io::stderr(), "{why}")?;
            return Ok(ExitCode::FAILURE);
        }
        done => done?,
    };
    match rotated.printed.json {
        true => write_object(&RotationOne::new(&domain, &keys).bare, out)?,
        false => write_keys(&domain, &keys, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_keys(domain: &Domain, keys: &KeyRotation, out: &mut dyn Write) -> std::io::Result<()> {
    let name = &domain.name;
    match &keys.active_selector {
        Some(selector) => writeln!(out, "signs with  {selector}")?,
        None => writeln!(out, "{name} has no DKIM key")?,
    }
    let (Some(OtherKey { selector, stage, .. }), Some((at, value))) = (&keys.rotation, &keys.record) else {
        return writeln!(out, "No change of its key is under way.");
    };
    let activate = advice::command(&format!("domains rotate-dkim {name} --activate"));
    match stage {
        RotationStage::PendingDns => {
            writeln!(out, "next key    {selector}, whose record is not in DNS yet")?;
            writeln!(out, "publish     {at} TXT {value}")?;
            writeln!(out, "The old key signs until the record is there. To look now: {}", {
                advice::command(&format!("domains check {name}"))
            })
        }
        RotationStage::Ready {
            published_at,
            activates_after,
        } => {
            writeln!(
                out,
                "next key    {selector}, whose record was seen {}",
                format_instant(*published_at)
            )?;
            writeln!(out, "signs from  {}", format_instant(*activates_after))?;
            writeln!(
                out,
                "To switch before, although caches may be without the record: {activate} --force"
            )
        }
        RotationStage::Retiring { retire_after, .. } => {
            writeln!(
                out,
                "key before  {selector}, whose record must stay for mail on its way"
            )?;
            writeln!(out, "until       {} at the latest", format_instant(*retire_after))?;
            let command = advice::command(&format!("domains dkim-key {name}"));
            writeln!(
                out,
                "A mail server that signs with the exported key needs the new one: {command}"
            )
        }
    }
}
