//! What the rooms are told: their options, from the settings.

use std::path::PathBuf;

use anyhow::bail;

use super::domain_options::{fresh_domain, service_names};
use super::place;
use crate::config::Config;
use crate::enrich::{NamesFiles, Tables, TablesError};
use crate::http::{HttpConfig, Rate};
use crate::ingest::{AddressNames, Authenticator, AuthenticatorOptions, IntakeOptions, ProcessLimits};
use crate::listeners::smtp::{BudgetOptions, SmtpOptions, TlsFiles};
use crate::page::PageOptions;
use crate::store::Location;

/// What unpacking and parsing one message may cost.
pub fn process_limits(config: &Config) -> ProcessLimits {
    ProcessLimits {
        admission: config.reports,
        ..config.limits.process
    }
}

pub(super) fn http(config: &Config) -> HttpConfig {
    let http = &config.http;
    HttpConfig {
        rate: limited(http.rate),
        post_rate: limited(http.post_rate),
        body_stall_time_max: http.connections.stall_time_max,
        queries_max: queries_max(config),
        ..http.api.clone()
    }
}

/// `None`: no limit.
fn limited(rate: Rate) -> Option<Rate> {
    (rate.per_second > 0).then_some(rate)
}

/// Long questions at once: some connections are left to short ones.
fn queries_max(config: &Config) -> usize {
    match place::database(config) {
        Ok(Location::Server(_)) => config.database.connections.readers.saturating_sub(READERS_LEFT).max(2) as usize,
        _ => config.http.api.queries_max,
    }
}

/// Reading connections to a server that stay free.
const READERS_LEFT: u32 = 4;

pub(super) fn page(config: &Config) -> PageOptions {
    PageOptions {
        rate: limited(config.http.page_rate),
        insecure_sign_in: config.http.insecure_sign_in,
        sign_in_link: None,
    }
}

pub(super) fn intake(config: &Config, authenticator: Option<Authenticator>) -> IntakeOptions {
    IntakeOptions {
        authenticator,
        settings: config.intake.clone(),
        limits: process_limits(config),
        journal: Some(config.database.dir.clone()),
        keep_originals: config.retention.originals,
        keep: config.limits.keep,
        ..IntakeOptions::new(fresh_domain)
    }
}

/// Checks who mail is from; `None` if the settings do not want it, or there are no name servers to ask.
pub(super) fn authenticator(config: &Config) -> Option<Authenticator> {
    let provenance = &config.provenance;
    if !provenance.check {
        return None;
    }
    let unpack = &config.limits.process.unpack;
    let options = AuthenticatorOptions {
        header_bytes_max: unpack.header_bytes_max,
        header_fields_max: unpack.header_fields_max,
        ..provenance.authenticator.clone()
    };
    // Reports are taken without it: who they are from is unknown then.
    let authenticator = Authenticator::new(options).inspect_err(|error| {
        tracing::warn!(%error, "mail is accepted without authenticating its sender; set provenance.resolvers");
    });
    authenticator.ok()
}

/// The names under which mail is received.
pub(super) fn address_names(config: &Config) -> AddressNames {
    let regions = service_names(config).regions;
    let mut rua_hosts: Vec<_> = regions.into_iter().filter_map(|region| region.rua_host).collect();
    rua_hosts.dedup();
    AddressNames {
        host: smtp_host(config),
        rua_hosts,
        report_address: Some(config.smtp.report_address.clone()).filter(|address| !address.is_empty()),
        account: config.smtp.account.clone(),
    }
}

fn smtp_host(config: &Config) -> String {
    let installation = &config.installation;
    let named = installation.host.name().or(installation.rua_host.name());
    match (config.smtp.options.settings.host.as_str(), named) {
        ("", Some(name)) => name.to_string(),
        ("", None) => machine_name(),
        (host, _) => host.to_owned(),
    }
}

/// The certificate that is made where none is given.
pub(super) fn self_signed(config: &Config) -> Option<TlsFiles> {
    SmtpOptions::new(&smtp_host(config), &config.database.dir).tls
}

/// Receiving mail: what the listeners are told.
pub(super) fn smtp(config: &Config) -> anyhow::Result<SmtpOptions> {
    let (smtp, dir) = (&config.smtp, &config.database.dir);
    let defaults = SmtpOptions::new(&smtp_host(config), dir);
    let tls = match (smtp.certificate.as_os_str().is_empty(), smtp.key.as_os_str().is_empty()) {
        (true, true) => defaults.tls,
        (false, false) => Some(TlsFiles::Given {
            certificate: smtp.certificate.clone(),
            key: smtp.key.clone(),
        }),
        _ => bail!("smtp.certificate and smtp.key belong together: set both or none"),
    };
    let mut options = smtp.options.clone();
    options.tls = tls;
    options.settings.host = defaults.settings.host;
    options.settings.message_bytes_max = config.limits.message_bytes_max;
    let budget = BudgetOptions::new(dir, config.limits.message_bytes_max);
    options.budget.dir = budget.dir;
    if options.budget.free_disk_bytes_min == 0 {
        options.budget.free_disk_bytes_min = budget.free_disk_bytes_min;
    }
    Ok(options)
}

/// Human-readable name of this node.
pub(super) fn node_name(config: &Config) -> String {
    if config.node.name.is_empty() {
        machine_name()
    } else {
        config.node.name.clone()
    }
}

fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What names of senders come from.
///
/// # Errors
/// A file of the operator's cannot be used.
pub fn tables(config: &Config) -> Result<Tables, TablesError> {
    Tables::load(&names_files(config))
}

/// The operator's files that names of senders come from.
pub fn names_files(config: &Config) -> NamesFiles {
    let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    NamesFiles {
        services: file(&config.enrich.services_file),
        networks: file(&config.enrich.networks_file),
    }
}
