//! What the rooms are told: their options, from the settings.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::fresh_domain;
use crate::base::budget::CostLimits;
use crate::config::{BareLf, Config, MetricsReaders, UnvouchedReports};
use crate::domains::ServiceNames;
use crate::http::{HttpConfig, MetricsAccess, Rate};
use crate::ingest::{
    AddressNames, Admission, Authenticator, AuthenticatorOptions, IntakeOptions, ProcessLimits, SlowOptions, Unvouched,
};
use crate::listeners::smtp::{BareNewline, BudgetOptions, ConnectionLimits, Settings, SmtpOptions, TlsFiles};
use crate::page::PageOptions;
use crate::report::aggregate;
use crate::store::{Connections, DayQuota, KeepLimits, Location, Retention};
use crate::unpack;

/// What unpacking and parsing one message may cost.
pub fn process_limits(config: &Config) -> ProcessLimits {
    let limits = &config.limits;
    ProcessLimits {
        unpack: unpack::Limits {
            mime_depth_max: limits.mime_depth_max,
            mime_parts_max: limits.mime_parts_max,
            rfc822_levels_max: limits.rfc822_levels_max,
            header_bytes_max: limits.header_bytes_max,
            header_fields_max: limits.header_fields_max,
            archive_entries_max: limits.archive_entries_max,
            archive_nesting_max: limits.archive_nesting_max,
            archive_bytes_max: limits.archive_bytes_max,
            xml_bytes_max: limits.xml_bytes_max,
            inflated_bytes_max: limits.inflated_bytes_max,
        },
        report: aggregate::Limits {
            event_bytes_max: limits.event_bytes_max,
            depth_max: limits.xml_depth_max,
            attributes_max: limits.attributes_max,
            records_max: limits.records_max,
            evidence_max: limits.evidence_max,
            results_max: limits.results_max,
            ..aggregate::Limits::default()
        },
        cost: CostLimits {
            memory_bytes_max: limits.memory_bytes_max,
            events_max: limits.events_max,
            addresses_max: limits.addresses_max,
            stored_times_max: limits.stored_times_max,
            stored_bytes_free: limits.stored_bytes_free,
        },
        time_max: Duration::from_secs(limits.seconds_max),
        admission: Admission {
            unvouched: match config.reports.unvouched {
                UnvouchedReports::Hold => Unvouched::Hold,
                UnvouchedReports::Count => Unvouched::Count,
            },
            report_messages_max: config.reports.messages_max,
        },
        ..ProcessLimits::default()
    }
}

/// How many connections there are to a database on a server.
pub fn connections(config: &Config) -> Connections {
    Connections {
        writers: config.database.connections_write,
        readers: config.database.connections_read,
    }
}

pub(super) fn http(config: &Config) -> HttpConfig {
    let http = &config.http;
    HttpConfig {
        api_body_bytes_max: http.api_body_bytes_max,
        upload_bytes_max: http.upload_bytes_max,
        uploads_in_flight_bytes_max: http.uploads_in_flight_bytes_max,
        page_size_default: http.page_size_default,
        page_size_max: http.page_size_max,
        page_bytes_max: http.page_bytes_max,
        rate: (http.rate_per_second > 0).then_some(Rate {
            per_second: http.rate_per_second,
            burst: http.rate_burst,
        }),
        answer_time_max: Duration::from_secs(http.answer_seconds_max),
        body_stall_time_max: Duration::from_secs(http.stall_seconds_max),
        exports_max: http.exports_max,
        exports_per_account_max: http.exports_per_account_max,
        queries_max: queries_max(config),
        queries_per_account_max: http.queries_per_account_max,
        answers_per_account_bytes_max: http.answers_per_account_bytes_max,
        kept_answers_per_account_bytes_max: http.kept_answers_per_account_bytes_max,
        metrics: match http.metrics {
            MetricsReaders::Loopback => MetricsAccess::Loopback,
            MetricsReaders::Everybody => MetricsAccess::Everybody,
            MetricsReaders::Nobody => MetricsAccess::Nobody,
        },
        ..HttpConfig::default()
    }
}

/// Long questions at once: some connections are left to short ones.
fn queries_max(config: &Config) -> usize {
    match super::database(config) {
        Ok(Location::Server(_)) => connections(config).readers.saturating_sub(READERS_LEFT).max(2) as usize,
        _ => HttpConfig::default().queries_max,
    }
}

/// Of the connections to a server that read.
const READERS_LEFT: u32 = 4;

/// How the API is connected to.
pub(super) fn http_connections(config: &Config) -> anyhow::Result<crate::http::ConnectionLimits> {
    let http = &config.http;
    let network = |text: &String| text.parse().with_context(|| format!("http.proxy_networks: {text}"));
    Ok(crate::http::ConnectionLimits {
        total_max: http.connections_max,
        per_address_max: http.connections_per_address_max,
        stall_time_max: Duration::from_secs(http.stall_seconds_max),
        proxies: http.proxy_networks.iter().map(network).collect::<Result<_, _>>()?,
        ..crate::http::ConnectionLimits::default()
    })
}

pub(super) fn page(config: &Config) -> PageOptions {
    let http = &config.http;
    PageOptions {
        rate: (http.page_rate_per_second > 0).then_some(Rate {
            per_second: http.page_rate_per_second,
            burst: http.page_rate_burst,
        }),
        insecure_sign_in: http.insecure_sign_in,
    }
}

pub(super) fn service_names(config: &Config) -> ServiceNames {
    super::domain_options::service_names(config)
}

pub(super) fn intake(config: &Config, authenticator: Option<Authenticator>) -> IntakeOptions {
    IntakeOptions {
        authenticator,
        limits: process_limits(config),
        queue_messages_max: config.intake.queue_messages_max,
        batch_messages_max: config.intake.batch_messages_max,
        batch_bytes_max: config.intake.batch_bytes_max,
        threads: config.intake.threads,
        slow: SlowOptions {
            bytes: config.intake.slow_bytes,
            after: Duration::from_millis(config.intake.slow_milliseconds),
            seats: config.intake.slow_at_once_max,
            waiting_max: config.intake.slow_waiting_max,
        },
        journal: Some(config.database.dir.clone()),
        keep_originals: config.retention.originals,
        keep: KeepLimits {
            held_day_max: DayQuota {
                messages: config.limits.held_reports_per_day_max,
                bytes: config.limits.held_bytes_per_day_max,
            },
            day_addresses_max: config.limits.day_addresses_max,
            versions_max: config.limits.report_versions_max,
            set_aside_day_max: DayQuota {
                messages: config.limits.set_aside_messages_per_day_max,
                bytes: config.limits.set_aside_bytes_per_day_max,
            },
        },
        ..IntakeOptions::new(fresh_domain)
    }
}

/// Checks who mail is from; `None` if the settings do not want it, or there are no name servers to ask.
pub(super) fn authenticator(config: &Config) -> Option<Authenticator> {
    let provenance = &config.provenance;
    if !provenance.check {
        return None;
    }
    let options = AuthenticatorOptions {
        servers: provenance.resolvers.clone(),
        time_max: Duration::from_secs(provenance.seconds_max),
        questions_max: provenance.questions_max,
        signatures_max: provenance.signatures_max,
        header_bytes_max: config.limits.header_bytes_max,
        header_fields_max: config.limits.header_fields_max,
        mails_max: provenance.mails_max,
        cached_answers_max: provenance.cached_answers_max,
    };
    // Reports are taken without it: who they are from is unknown then.
    let authenticator = Authenticator::new(options).inspect_err(|error| {
        tracing::warn!(%error, "mail is taken without asking who it is from; set provenance.resolvers");
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
    match (config.smtp.host.as_str(), named) {
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
    let network = |text: &String| text.parse().with_context(|| format!("smtp.proxy_networks: {text}"));
    let budget = BudgetOptions::new(dir, config.limits.message_bytes_max);
    Ok(SmtpOptions {
        smtp: smtp.listen.clone(),
        lmtp: smtp.lmtp_listen.clone(),
        settings: Settings {
            bare_newline: match smtp.bare_lf {
                BareLf::Reject => BareNewline::Reject,
                BareLf::Accept => BareNewline::Accept,
            },
            message_bytes_max: config.limits.message_bytes_max,
            line_bytes_max: smtp.line_bytes_max,
            recipients_max: smtp.recipients_max,
            errors_max: smtp.errors_max,
            bad_recipients_max: smtp.bad_recipients_max,
            tarpit: Duration::from_secs(smtp.tarpit_seconds),
            hops_max: smtp.hops_max,
            command_time_max: Duration::from_secs(smtp.command_seconds_max),
            command_time_under_stress_max: Duration::from_secs(smtp.command_seconds_under_stress_max),
            data_bytes_per_second_min: smtp.data_bytes_per_second_min,
            transaction_time_max: Duration::from_secs(smtp.transaction_seconds_max),
            ..defaults.settings
        },
        tls,
        connections: ConnectionLimits {
            total_max: smtp.connections_max,
            per_address_max: smtp.connections_per_address_max,
            per_network_max: smtp.connections_per_network_max,
        },
        budget: BudgetOptions {
            in_flight_bytes_max: smtp.in_flight_bytes_max,
            memory_bytes_max: smtp.spill_bytes,
            free_disk_bytes_min: if smtp.free_disk_bytes_min == 0 {
                budget.free_disk_bytes_min
            } else {
                smtp.free_disk_bytes_min
            },
            ..budget
        },
        proxy_networks: smtp.proxy_networks.iter().map(network).collect::<Result<_, _>>()?,
        handshake_time_max: Duration::from_secs(smtp.handshake_seconds_max),
        drain_time_max: Duration::from_secs(smtp.drain_seconds_max),
        ..defaults
    })
}

/// How long things are kept.
pub fn retention(config: &Config) -> Retention {
    Retention {
        originals_days: config.retention.originals_days,
        records_days: config.retention.records_days,
        set_aside_days: config.retention.set_aside_days,
    }
}

/// Which node this is, for people.
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
