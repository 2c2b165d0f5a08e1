//! What is known of domains: `domains list`, `show` and `check`.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::{Asked, by_id_or_name, write_advice};
use crate::api::DomainBody;
use crate::app::App;
use crate::base::{DomainStatus, clock};
use crate::cli::Context;
use crate::cli::context::account;
use crate::cli::text::{Align, Printed, Table, escape, write_object};
use crate::domains::{DnsRecord, Published, Purpose, rua_address};
use crate::store::{Account, Domain};

/// `domains list`
pub(super) async fn list(
    context: Context,
    in_account: Option<&str>,
    printed: Printed,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let mut domains = Vec::new();
    for account in accounts(&app, in_account).await? {
        let of_account = app.store.domains(account.id).await?.into_iter();
        domains.extend(of_account.map(|domain| (account.name.clone(), domain)));
    }
    if printed.json {
        write_object(&listed(&app, &domains), out)?;
    } else {
        write!(out, "{}", table(&app, domains))?;
        write_advice(&app.names(), &mut std::io::stderr())?;
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}

fn listed(app: &App, domains: &[(String, Domain)]) -> serde_json::Value {
    let names = app.names();
    let rows = domains.iter().map(|(account, domain)| {
        json!({
            "id": domain.public_id,
            "name": domain.name.to_string(),
            "account": account,
            "status": domain.status.word(),
            "rua_address": rua_address(domain, &names),
            "created_at": clock::format_instant(domain.created_at),
        })
    });
    json!({ "domains": rows.collect::<Vec<_>>() })
}

fn table(app: &App, domains: Vec<(String, Domain)>) -> Table {
    let columns = ["domain", "status", "account", "id", "report address", "since"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    let names = app.names();
    for (account, domain) in domains {
        let address = rua_address(&domain, &names);
        table.row([
            domain.name.to_string(),
            domain.status.word().to_owned(),
            account,
            domain.public_id,
            address.unwrap_or_else(|| "(set installation.rua_host)".to_owned()),
            clock::format_instant(domain.created_at),
        ]);
    }
    table
}

/// `domains show`
pub(super) async fn show(context: Context, asked: &Asked, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let domain = by_id_or_name(&app, &asked.domain, asked.account.as_deref()).await?;
    let published = app.domains.published(&domain).await?;
    let posted = app.store.tls_token(domain.account, domain.id).await?;
    app.close().await;
    if asked.printed.json {
        write_object(&DomainBody::new(domain, published), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let never = || "never".to_owned();
    let mut line = |name: &str, value: String| writeln!(out, "{name:<16} {}", escape(&value));
    line("domain", domain.name.to_string())?;
    if let Some(unicode) = domain.name.unicode() {
        line("in Unicode", unicode)?;
    }
    line("id", domain.public_id.clone())?;
    line("status", domain.status.word().to_owned())?;
    line("region", domain.region.word().to_owned())?;
    let address = published.rua_address.clone();
    line(
        "report address",
        address.unwrap_or_else(|| "(set installation.rua_host)".to_owned()),
    )?;
    line(
        "TLS over HTTPS",
        posted.map_or_else(
            || "no address (`tallymark domains tls-address` makes one)".to_owned(),
            |at| format!("address made {}", clock::format_instant(at)),
        ),
    )?;
    let tags: Vec<_> = domain.tags.iter().collect();
    if !tags.is_empty() {
        line("tags", tags.join(" "))?;
    }
    line("added", clock::format_instant(domain.created_at))?;
    line(
        "DNS last asked",
        domain.last_checked_at.map_or_else(never, clock::format_instant),
    )?;
    line(
        "last verified",
        domain.verified_at.map_or_else(never, clock::format_instant),
    )?;
    write_published(&published, out)?;
    Ok(ExitCode::SUCCESS)
}

/// `domains check`
pub(super) async fn check(context: Context, asked: &Asked, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let domain = by_id_or_name(&app, &asked.domain, asked.account.as_deref()).await?;
    let (domain, published) = app.domains.verify(&domain).await?;
    app.close().await;
    let records = &published.records;
    let is_complete = records.iter().all(|record| record.verified || !record.required);
    let code = match is_complete && domain.status == DomainStatus::Verified {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    if asked.printed.json {
        write_object(&DomainBody::new(domain, published), out)?;
        return Ok(code);
    }
    writeln!(out, "{} is {}", domain.name, domain.status.word())?;
    write_published(&published, out)?;
    Ok(code)
}

fn write_published(published: &Published, out: &mut dyn Write) -> std::io::Result<()> {
    for advice in &published.advice {
        writeln!(out, "{advice}")?;
    }
    published
        .records
        .iter()
        .try_for_each(|record| write_record(record, out))
}

/// A record, what DNS has, and what is to be published. Texts from DNS are strangers'.
fn write_record(record: &DnsRecord, out: &mut dyn Write) -> std::io::Result<()> {
    let need = match (record.purpose, record.required) {
        (Purpose::DmarcAuthorization, _) => "for the operator",
        (Purpose::DkimRotation, _) => "for the change of the key",
        (_, true) => "required",
        (_, false) => "optional",
    };
    let (kind, purpose) = (record.kind.word(), record.purpose.word());
    writeln!(out, "\n{purpose} ({need}): {}", record.state.says())?;
    writeln!(out, "  {kind} {}", record.name)?;
    for found in &record.found {
        writeln!(out, "  in DNS:  {}", escape(found))?;
    }
    if let Some(problem) = &record.problem {
        writeln!(out, "  {}", escape(problem))?;
    }
    let Some(suggestion) = &record.suggestion else {
        return Ok(());
    };
    let priority = record
        .priority
        .map(|priority| format!("{priority} "))
        .unwrap_or_default();
    writeln!(out, "  publish: {priority}{}", suggestion.value)?;
    let is_new = suggestion.added.iter().all(|added| *added == suggestion.value);
    if !suggestion.added.is_empty() && !is_new {
        writeln!(out, "  added:   {}", suggestion.added.join(" "))?;
    }
    for removed in suggestion.remove.iter().filter(|removed| **removed != suggestion.value) {
        writeln!(out, "  remove:  {}", escape(removed))?;
    }
    Ok(())
}

async fn accounts(app: &App, name: Option<&str>) -> anyhow::Result<Vec<Account>> {
    match name {
        None => Ok(app.store.accounts().await?),
        Some(_) => Ok(vec![account(&app.store, name).await?]),
    }
}
