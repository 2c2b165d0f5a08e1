//! What is counted while the process runs, in one place: no globals, every label from a closed set of words.

mod feeds;
mod labels;
mod ptr;
mod tls;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub use feeds::FeedFigures;
use labels::{
    AnswerLabels, ChangeLabels, FileLabels, HttpLabels, JobLabels, JobRunLabels, OutcomeLabels, ReasonLabels,
    ReportLabels, RouteLabels, SetAsideLabels, StatusLabels, VerdictLabels,
};
pub use ptr::PtrFigures;
pub use tls::TlsFigures;

/// Every figure. Cheap to clone: all clones count together.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    registry: Registry,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    reports: Family<ReportLabels, Counter>,
    set_aside: Family<SetAsideLabels, Counter>,
    smtp_connections: Gauge,
    smtp_refused: Family<ReasonLabels, Counter>,
    smtp_messages: Family<AnswerLabels, Counter>,
    smtp_disk_short: Gauge,
    queue_depth: Gauge,
    queue_depth_max: Gauge,
    batch_messages: Histogram,
    commit_seconds: Histogram,
    messages_read: Counter,
    slow_messages: Counter,
    set_aside_refused: Counter,
    provenance: Family<VerdictLabels, Counter>,
    provenance_seconds: Histogram,
    provenance_dns_questions: Counter,
    feeds: FeedFigures,
    domain_checks: Family<StatusLabels, Counter>,
    domain_changes: Family<ChangeLabels, Counter>,
    ptr: PtrFigures,
    tls: TlsFigures,
    reread: Family<OutcomeLabels, Counter>,
    jobs: Family<JobRunLabels, Counter>,
    job_seconds: Family<JobLabels, Histogram, fn() -> Histogram>,
    job_held: Family<JobLabels, Gauge>,
    purges_skipped: Counter,
    names_files: Family<FileLabels, Counter>,
    networks_data_at: Gauge,
    delivery_attempts: Family<OutcomeLabels, Counter>,
    deliveries_waiting: Gauge,
    posts: Family<OutcomeLabels, Counter>,
    uptime_seconds: Gauge<f64, AtomicU64>,
}

/// What came of an attempt to deliver an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver accepted it.
    Delivered,
    /// The receiver did not accept it, or could not be reached.
    Failed,
    /// Nothing was sent: the URL leads where customers must not send us.
    Refused,
    /// Nothing was sent: this installation could not.
    HeldBack,
}

/// How a run of a background job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    Failed,
}

impl Metrics {
    /// All counters at zero.
    #[expect(clippy::too_many_lines, reason = "a table: a line a figure")]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("tallymark");
        let figures = Figures {
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.5, 12))),
            reports: Family::default(),
            set_aside: Family::default(),
            smtp_connections: Gauge::default(),
            smtp_refused: Family::default(),
            smtp_messages: Family::default(),
            smtp_disk_short: Gauge::default(),
            queue_depth: Gauge::default(),
            queue_depth_max: Gauge::default(),
            batch_messages: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            messages_read: Counter::default(),
            slow_messages: Counter::default(),
            set_aside_refused: Counter::default(),
            provenance: Family::default(),
            provenance_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            provenance_dns_questions: Counter::default(),
            feeds: FeedFigures::default(),
            domain_checks: Family::default(),
            domain_changes: Family::default(),
            ptr: PtrFigures::default(),
            tls: TlsFigures::default(),
            reread: Family::default(),
            jobs: Family::default(),
            job_seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 4.0, 10))),
            job_held: Family::default(),
            purges_skipped: Counter::default(),
            names_files: Family::default(),
            networks_data_at: Gauge::default(),
            delivery_attempts: Family::default(),
            deliveries_waiting: Gauge::default(),
            posts: Family::default(),
            uptime_seconds: Gauge::default(),
            registry: Registry::default(),
        };
        let f = &figures;
        registry.register(
            "http_requests",
            "Answered requests by route and status",
            f.http_requests.clone(),
        );
        registry.register_with_unit(
            "http_request",
            "Time to the first byte of the answer",
            Unit::Seconds,
            f.http_seconds.clone(),
        );
        registry.register("reports", "Aggregate reports by what became of them", f.reports.clone());
        f.tls.register(&mut registry);
        registry.register(
            "reread_messages",
            "Messages kept as other mail that were read again, since this version reads more than the one before, by outcome",
            f.reread.clone(),
        );
        registry.register(
            "set_aside",
            "Messages set aside, by kind and reason",
            f.set_aside.clone(),
        );
        registry.register(
            "smtp_connections",
            "Open connections of mail servers",
            f.smtp_connections.clone(),
        );
        registry.register(
            "smtp_refused",
            "Connections, commands and messages of mail servers that were refused, by reason",
            f.smtp_refused.clone(),
        );
        registry.register(
            "smtp_messages",
            "Messages from mail servers, by answer",
            f.smtp_messages.clone(),
        );
        registry.register(
            "smtp_disk_short",
            "Whether mail is refused because too little disk is free",
            f.smtp_disk_short.clone(),
        );
        registry.register("queue_depth", "Messages waiting to be stored", f.queue_depth.clone());
        registry.register(
            "queue_depth_max",
            "Messages that may wait to be stored",
            f.queue_depth_max.clone(),
        );
        registry.register(
            "batch_messages",
            "Messages in one transaction",
            f.batch_messages.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Time of one transaction",
            Unit::Seconds,
            f.commit_seconds.clone(),
        );
        registry.register(
            "provenance",
            "Mails with an envelope by the DMARC verdict on them",
            f.provenance.clone(),
        );
        registry.register_with_unit(
            "provenance",
            "Time to check who one mail is from",
            Unit::Seconds,
            f.provenance_seconds.clone(),
        );
        registry.register(
            "provenance_dns_questions",
            "DNS questions asked for these checks, answered from the cache or not",
            f.provenance_dns_questions.clone(),
        );
        f.feeds.register(&mut registry);
        registry.register(
            "domain_checks",
            "Looks at the DNS records of a domain, by its status after that",
            f.domain_checks.clone(),
        );
        registry.register("domain_changes", "Changes of domains' status", f.domain_changes.clone());
        registry.register(
            "set_aside_refused",
            "Messages that were not set aside, since as much as may be was that day; their senders were told to try later",
            f.set_aside_refused.clone(),
        );
        registry.register(
            "messages_read",
            "Messages that were unpacked and parsed: one for several recipients counts once, a large one that had to wait \
             for a seat counts again when it is read from its beginning",
            f.messages_read.clone(),
        );
        registry.register(
            "slow_messages",
            "Messages that were read and stored apart from the others, since they are large or took long",
            f.slow_messages.clone(),
        );
        registry.register(
            "purges_skipped",
            "Times that nothing was dropped with age, because the clock was days ahead of the data",
            f.purges_skipped.clone(),
        );
        f.ptr.register(&mut registry);
        registry.register(
            "names_files",
            "Times that a file for names of senders was read because it had changed, by outcome",
            f.names_files.clone(),
        );
        registry.register(
            "networks_data_at_seconds",
            "Day that the network table in use is from, unix time; 0 without a table",
            f.networks_data_at.clone(),
        );
        registry.register("posts", "Posts of TLS reports, by outcome", f.posts.clone());
        registry.register(
            "delivery_attempts",
            "Attempts to deliver an event to a webhook or channel, by outcome",
            f.delivery_attempts.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Deliveries that wait for an attempt, on the node that delivers",
            f.deliveries_waiting.clone(),
        );
        registry.register("job_runs", "Runs of background jobs, by outcome", f.jobs.clone());
        registry.register_with_unit(
            "job_run",
            "Time of one run of a background job",
            Unit::Seconds,
            f.job_seconds.clone(),
        );
        registry.register(
            "job_held",
            "Whether this node is the one that does the job",
            f.job_held.clone(),
        );
        registry.register_with_unit("uptime", "Age of the process", Unit::Seconds, f.uptime_seconds.clone());
        Self(Arc::new(Figures { registry, ..figures }))
    }

    /// One answered request. `route` is the pattern, never the path: the set of paths is unbounded.
    pub fn count_request(&self, route: &'static str, method: &'static str, status: u16, took: Duration) {
        let labels = HttpLabels { route, method, status };
        self.0.http_requests.get_or_create(&labels).inc();
        let seconds = self.0.http_seconds.get_or_create(&RouteLabels { route });
        seconds.observe(took.as_secs_f64());
    }

    /// One aggregate report that was taken: `stored`, `held`, `duplicate`, `conflict` or `completed`.
    pub fn count_report(&self, outcome: &'static str) {
        self.0.reports.get_or_create(&ReportLabels { outcome }).inc();
    }

    /// One post of a TLS report without a key. The outcome is a stable word.
    pub fn count_post(&self, outcome: &'static str) {
        self.0.posts.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// One message, or part of one, that was set aside. Both are stable words of this program, not a reporter's text.
    pub fn count_set_aside(&self, kind: &'static str, reason: &str) {
        let labels = SetAsideLabels {
            kind,
            reason: reason.to_owned(),
        };
        self.0.set_aside.get_or_create(&labels).inc();
    }

    /// Mail is refused for lack of disk.
    pub fn set_smtp_disk_short(&self) {
        self.0.smtp_disk_short.set(1);
    }

    /// There is enough disk for mail.
    pub fn set_smtp_disk_free(&self) {
        self.0.smtp_disk_short.set(0);
    }

    /// How many connections of mail servers are open.
    pub fn set_smtp_connections(&self, open: usize) {
        self.0.smtp_connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// One connection that was closed before its time: a limit, a failed handshake, a bad header.
    pub fn count_smtp_refused(&self, reason: &'static str) {
        self.0.smtp_refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// One message that was received to its end: `kept`, `not_stored`, `no_room`, `closing` or `refused`.
    pub fn count_smtp_message(&self, answer: &'static str) {
        self.0.smtp_messages.get_or_create(&AnswerLabels { answer }).inc();
    }

    /// One committed transaction.
    pub fn observe_batch(&self, messages: usize, commit: Duration) {
        self.0.batch_messages.observe(messages as f64);
        self.0.commit_seconds.observe(commit.as_secs_f64());
    }

    /// One mail whose sender was checked: the DMARC verdict's word, DNS questions, time.
    pub fn observe_provenance(&self, verdict: &'static str, questions: u64, took: Duration) {
        self.0.provenance.get_or_create(&VerdictLabels { verdict }).inc();
        self.0.provenance_seconds.observe(took.as_secs_f64());
        self.0.provenance_dns_questions.inc_by(questions);
    }

    /// One look at a domain's DNS records that was kept; the domain's status after that.
    pub fn count_domain_check(&self, status: &'static str) {
        self.0.domain_checks.get_or_create(&StatusLabels { status }).inc();
    }

    /// One domain that is no longer what it was.
    pub fn count_domain_change(&self, from: &'static str, to: &'static str) {
        self.0.domain_changes.get_or_create(&ChangeLabels { from, to }).inc();
    }

    /// An attempt to deliver an event.
    pub fn count_delivery(&self, outcome: DeliveryOutcome) {
        let outcome = match outcome {
            DeliveryOutcome::Delivered => "delivered",
            DeliveryOutcome::Failed => "failed",
            DeliveryOutcome::Refused => "refused",
            DeliveryOutcome::HeldBack => "held_back",
        };
        self.0.delivery_attempts.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Deliveries that wait for an attempt.
    pub fn set_deliveries_waiting(&self, deliveries: u64) {
        let waiting = &self.0.deliveries_waiting;
        waiting.set(i64::try_from(deliveries).unwrap_or(i64::MAX));
    }

    /// One run of a background job.
    pub fn observe_job(&self, job: &'static str, outcome: JobOutcome, took: Duration) {
        let outcome = match outcome {
            JobOutcome::Done => "done",
            JobOutcome::Failed => "failed",
        };
        self.0.jobs.get_or_create(&JobRunLabels { job, outcome }).inc();
        let seconds = self.0.job_seconds.get_or_create(&JobLabels { job });
        seconds.observe(took.as_secs_f64());
    }

    /// A message that was not set aside for lack of quota.
    pub fn count_set_aside_refused(&self) {
        self.0.set_aside_refused.inc();
    }

    /// A message that is unpacked and parsed.
    pub fn count_message_read(&self) {
        self.0.messages_read.inc();
    }

    /// A message that was read and stored apart from the others.
    pub fn count_slow_message(&self) {
        self.0.slow_messages.inc();
    }

    /// One run of the job that drops what is old in which the clock was not believed.
    pub fn count_purge_skipped(&self) {
        self.0.purges_skipped.inc();
    }

    /// A file for names was read because it had changed: `read`, or `refused` if it cannot be used.
    pub fn count_names_file(&self, file: &'static str, outcome: &'static str) {
        self.0.names_files.get_or_create(&FileLabels { file, outcome }).inc();
    }

    /// The day of the network table in use, unix seconds.
    pub fn set_networks_data_at(&self, at: i64) {
        self.0.networks_data_at.set(at);
    }

    /// This node has the lease of a background job.
    pub fn set_job_held(&self, job: &'static str) {
        self.0.job_held.get_or_create(&JobLabels { job }).set(1);
    }

    /// This node no longer has the lease of a background job.
    pub fn set_job_not_held(&self, job: &'static str) {
        self.0.job_held.get_or_create(&JobLabels { job }).set(0);
    }

    /// How many messages wait, and how many may.
    pub fn set_queue_depth(&self, depth: usize, depth_max: usize) {
        self.0.queue_depth.set(i64::try_from(depth).unwrap_or(i64::MAX));
        self.0.queue_depth_max.set(i64::try_from(depth_max).unwrap_or(i64::MAX));
    }

    /// A message kept as other mail that was read again: `report` if there is one in it, else `none`.
    pub fn count_reread(&self, outcome: &'static str) {
        self.0.reread.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// The figures of the places that are read.
    pub fn feeds(&self) -> &FeedFigures {
        &self.0.feeds
    }

    /// The figures of TLS reports.
    pub fn tls(&self) -> &TlsFigures {
        &self.0.tls
    }

    /// The figures of the names of sending addresses.
    pub fn ptr(&self) -> &PtrFigures {
        &self.0.ptr
    }

    /// How long the process has been running.
    pub fn set_uptime(&self, uptime: Duration) {
        self.0.uptime_seconds.set(uptime.as_secs_f64());
    }

    /// Everything in the OpenMetrics text format, and its media type.
    pub fn encode(&self) -> (String, &'static str) {
        let mut out = String::new();
        if text::encode(&mut out, &self.0.registry).is_err() {
            // Writing to a String fails only if an encoder of ours does; then half a page would mislead.
            out.clear();
        }
        (out, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
