//! `tallymark domains tls-address`: the address at which mail servers post TLS reports about a domain.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::by_id_or_name;
use crate::cli::{Context, advice};
use crate::domains::{tls_record_name, tls_record_value};

/// What is done with the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is made, and replaces the one that the domain has.
    Make,
    Remove,
}

pub(super) async fn run(
    context: Context,
    id_or_name: &str,
    in_account: Option<&str>,
    step: Step,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let app = context.open_existing().await?;
    let domain = by_id_or_name(&app, id_or_name, in_account).await?;
    match step {
        Step::Remove => {
            let had_one = app.store.tls_token(domain.account, domain.id).await?.is_some();
            let is_there = app.store.put_tls_token(domain.account, domain.id, None).await?;
            ensure!(is_there, "{} was removed meanwhile", domain.name);
            let what = if had_one { "are no longer" } else { "were not" };
            writeln!(out, "TLS reports about {} {what} taken over HTTPS", domain.name)?;
        }
        Step::Make => {
            let token = app.add_tls_token(&domain).await?;
            let token = token.with_context(|| format!("{} was removed meanwhile", domain.name))?;
            let path = format!("/tlsrpt/{}", token.reveal());
            let url = app.config.http.api.public_url.url_for(&path);
            writeln!(out, "address  {}", url.as_ref().unwrap_or(&path))?;
            match (&url, tls_record_value(&domain, &app.names(), url.as_deref())) {
                (Some(_), Some(value)) => {
                    writeln!(out, "publish  {} TXT {value}", tls_record_name(&domain))?;
                    writeln!(
                        out,
                        "The address is shown only here. If the domain has such a record, keep it and add the address to its rua."
                    )?;
                    let check = advice::command(&format!("domains check {}", domain.name));
                    writeln!(out, "To see what the domain publishes: {check}")?;
                }
                _ => writeln!(out, "This is only the path of the address: set http.public_url.")?,
            }
        }
    }
    app.close().await;
    Ok(ExitCode::SUCCESS)
}
