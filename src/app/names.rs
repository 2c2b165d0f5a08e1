//! Keeps the names of senders in step with the operator's files.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::apart::aside;
use crate::enrich::LiveTables;
use crate::metrics::Metrics;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Reads the files again when they change. They are looked at every minute, and at once on SIGHUP, which is listened for from
/// this call on. Every node does so for itself.
pub(super) fn keep_current(tables: Arc<LiveTables>, metrics: Metrics) -> impl Future<Output = ()> + Send {
    let mut hangups = signal(SignalKind::hangup()).inspect_err(|error| {
        tracing::warn!(%error, "SIGHUP cannot be listened for; files for names are still read again when they change");
    });
    async move {
        loop {
            let hangup = async {
                match &mut hangups {
                    Ok(hangups) => hangups.recv().await,
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = hangup => {}
            }
            read_changed(&tables, &metrics);
        }
    }
}

/// Reads the files that changed. A bad one stops nothing: mail is received, and names come from what was there before.
pub(super) fn read_changed(tables: &LiveTables, metrics: &Metrics) {
    for (file, outcome) in aside(|| tables.follow()) {
        let word = file.word();
        match outcome {
            Ok(()) => {
                metrics.count_names_file(word, "read");
                tracing::info!(file = word, "names of senders come from a new file");
            }
            Err(error) => {
                metrics.count_names_file(word, "refused");
                tracing::error!(%error, "this file cannot be used for names of senders; what was in use before stays");
            }
        }
    }
    let day = tables.current().networks().day();
    metrics.set_networks_data_at(day.map_or(0, |day| day.begin()));
}
