//! What the rooms are told: their options, from the settings.

use std::time::Duration;

use super::fresh_domain;
use crate::config::{Config, MetricsReaders};
use crate::domains::ServiceNames;
use crate::http::{HttpConfig, MetricsAccess, Rate};
use crate::ingest::{IntakeOptions, ProcessLimits};
use crate::report;
use crate::store::Retention;
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
        report: report::Limits {
            event_bytes_max: limits.event_bytes_max,
            depth_max: limits.xml_depth_max,
            attributes_max: limits.attributes_max,
            records_max: limits.records_max,
            evidence_max: limits.evidence_max,
            results_max: limits.results_max,
            ..report::Limits::default()
        },
        time_max: Duration::from_secs(limits.seconds_max),
        ..ProcessLimits::default()
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
        rate: (http.rate_per_second > 0).then_some(Rate {
            per_second: http.rate_per_second,
            burst: http.rate_burst,
        }),
        answer_time_max: Duration::from_secs(http.answer_seconds_max),
        exports_max: http.exports_max,
        metrics: match http.metrics {
            MetricsReaders::Loopback => MetricsAccess::Loopback,
            MetricsReaders::Everybody => MetricsAccess::Everybody,
            MetricsReaders::Nobody => MetricsAccess::Nobody,
        },
        ..HttpConfig::new(service_names(config))
    }
}

pub(super) fn service_names(config: &Config) -> ServiceNames {
    ServiceNames::of_one_node(config.service.host.name(), config.service.rua_host.name())
}

pub(super) fn intake(config: &Config) -> IntakeOptions {
    IntakeOptions {
        limits: process_limits(config),
        queue_messages_max: config.intake.queue_messages_max,
        batch_messages_max: config.intake.batch_messages_max,
        batch_bytes_max: config.intake.batch_bytes_max,
        threads: config.intake.threads,
        keep_originals: config.retention.originals_days > 0,
        ..IntakeOptions::new(fresh_domain)
    }
}

pub(super) fn retention(config: &Config) -> Retention {
    Retention {
        originals_days: config.retention.originals_days,
        records_days: config.retention.records_days,
        set_aside_days: config.retention.set_aside_days,
    }
}

/// Which node this is, for people.
pub(super) fn node_name(config: &Config) -> String {
    if !config.node.name.is_empty() {
        return config.node.name.clone();
    }
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
