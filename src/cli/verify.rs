//! `tallymark verify`: recounts every figure from the records.

use std::io::Write;
use std::process::ExitCode;

use super::Context;
use super::progress::Progress;
use super::text::{Align, Table, count, counted, write_object};
use crate::insight::{Contradiction, Identity, identity};
use crate::store::{Store, Verified};

/// Check the stored data, and recount every figure from the records.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0: everything agrees. Exit code 1: something differs.
With --simulator, records with a reported result that their own evidence contradicts are counted and listed by reporter.
Such records come from the reporters, and do not change the exit code.
The command only reads, and may run next to `tallymark serve`.")]
pub struct Args {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Also simulate the policy in each report, and list the reporters whose results differ from it.
    #[arg(long)]
    simulator: bool,
}

pub async fn run(context: Context, args: Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let looked = context.open_to_look().await?;
    let (store, clock) = looked.parts();
    let progress = Progress::new(clock.clone(), "reports");
    let verified = store
        .verify(&|done, all| {
            progress.set_weight_of_all(all);
            progress.set_things(done);
        })
        .await?;
    progress.finish();
    let identity = match args.simulator {
        true => Some(identity_of_all(store).await?),
        false => None,
    };
    looked.close().await;

    if args.json {
        print_json(&verified, identity.as_ref(), out)?;
    } else {
        print(&verified, out)?;
        if let Some(identity) = &identity {
            print_identity(identity, out)?;
        }
    }
    Ok(if verified.discrepancies.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn identity_of_all(store: &Store) -> anyhow::Result<Identity> {
    let mut domains = Vec::new();
    for account in store.accounts().await? {
        domains.extend(store.domains(account.id).await?);
    }
    Ok(identity(store, &domains).await?)
}

fn print_json(verified: &Verified, identity: Option<&Identity>, out: &mut dyn Write) -> anyhow::Result<()> {
    let discrepancies: Vec<_> = verified
        .discrepancies
        .iter()
        .map(|found| serde_json::json!({ "domain": found.domain, "what": found.what }))
        .collect();
    let mut summary = serde_json::json!({
        "domains": verified.domains,
        "reports": verified.reports,
        "records": verified.records,
        "messages": verified.messages,
        "tls_reports": verified.tls_reports,
        "failure_reports": verified.failure_reports,
        "not_recounted": verified.not_recounted,
        "discrepancies": discrepancies,
        "unlisted": verified.unlisted,
    });
    if let Some(identity) = identity {
        summary["simulator"] = identity_json(identity);
    }
    write_object(&summary, out)?;
    Ok(())
}

fn identity_json(identity: &Identity) -> serde_json::Value {
    let contradiction = |one: &Contradiction| {
        serde_json::json!({
            "domain": one.domain,
            "reporter": one.reporter,
            "kind": one.kind.word(),
            "records": one.records,
            "messages": one.messages,
        })
    };
    serde_json::json!({
        "records": identity.records,
        "agreeing": identity.agreeing,
        "overridden": identity.overridden,
        "contradicting": identity.contradicting,
        "contradictions": identity.contradictions.iter().map(contradiction).collect::<Vec<_>>(),
        "unlisted": identity.unlisted,
    })
}

fn print_identity(identity: &Identity, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "simulated the policy of each report for {}: {} agree, {} with a reason do not, {} contradict their own evidence",
        counted(identity.records, "record", "records"),
        count(identity.agreeing),
        count(identity.overridden),
        count(identity.contradicting),
    )?;
    let mut table = Table::new(&[
        ("domain", Align::Left),
        ("reporter", Align::Left),
        ("contradiction", Align::Left),
        ("records", Align::Right),
        ("messages", Align::Right),
    ]);
    for one in &identity.contradictions {
        table.row([
            one.domain.clone(),
            one.reporter.clone(),
            one.kind.word().to_owned(),
            count(one.records),
            count(one.messages),
        ]);
    }
    if !table.is_empty() {
        write!(out, "{table}")?;
    }
    if identity.unlisted > 0 {
        writeln!(out, "and {} more that are not listed", count(identity.unlisted))?;
    }
    Ok(())
}

fn print(verified: &Verified, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "recounted {}, {}, {}, {}",
        counted(verified.domains, "domain", "domains"),
        counted(verified.reports, "report", "reports"),
        counted(verified.records, "record", "records"),
        counted(verified.messages, "message", "messages"),
    )?;
    if verified.tls_reports > 0 {
        let reports = counted(verified.tls_reports, "TLS report", "TLS reports");
        writeln!(out, "and {reports} with their sessions")?;
    }
    if verified.failure_reports > 0 {
        let reports = counted(verified.failure_reports, "failure report", "failure reports");
        writeln!(out, "and read {reports}, which are in no sum")?;
    }
    if verified.not_recounted > 0 {
        writeln!(
            out,
            "{} could not be recounted: retention has dropped the records. The days of these reports were left out",
            counted(verified.not_recounted, "report", "reports"),
        )?;
    }
    let mut table = Table::new(&[("domain", Align::Left), ("what is wrong", Align::Left)]);
    for found in &verified.discrepancies {
        table.row([found.domain.clone(), found.what.clone()]);
    }
    if table.is_empty() {
        writeln!(out, "{}", all_agree(verified))?;
    } else {
        writeln!(
            out,
            "{}:\n{table}",
            counted(
                verified.discrepancies.len() as u64 + verified.unlisted,
                "thing is wrong",
                "things are wrong"
            )
        )?;
        if verified.unlisted > 0 {
            writeln!(out, "and {} more that are not listed", count(verified.unlisted))?;
        }
    }
    Ok(())
}

fn all_agree(verified: &Verified) -> &'static str {
    match (verified.reports + verified.tls_reports, verified.not_recounted) {
        (0, 1..) => "nothing was compared",
        (_, 1..) => "all figures that could be recounted agree",
        _ => "all figures agree",
    }
}
