//! Events: what account owners are told of.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::base::clock::format_instant;
use crate::base::{AccountId, DomainId, Millis, words};

words! {
    /// Kinds of events.
    EventKind: i64 {
        /// All records of a domain are published.
        DomainVerified = 1 "domain.verified",
        /// The records of a domain are missing.
        DomainFailed = 2 "domain.failed",
        /// A report counts that was not known before.
        ReportReceived = 3 "dmarc.report.received",
        /// A message could not be read as a report.
        Quarantined = 4 "dmarc.quarantined",
        /// The owner asked whether a target works.
        WebhookTest = 5 "webhook.test",
        /// A TLS report counts that was not known before, and has failures.
        TlsFailure = 6 "tls.failure",
        /// A DNS record of a domain is another one than at the check before.
        RecordChanged = 7 "domain.record_changed",
        /// Reporters see another policy than before.
        PolicyChanged = 8 "dmarc.policy.changed",
        /// A service sends as the domain that did not before.
        ServiceNew = 9 "dmarc.service.new",
        /// A service fails that passed before.
        ServiceBroken = 10 "dmarc.service.broken",
        /// A service that failed passes again.
        ServiceRecovered = 11 "dmarc.service.recovered",
        /// A reporter stopped, or reports again.
        ReporterSilent = 12 "dmarc.reporter.silent",
        /// Far more or fewer messages than usual, or as many as usual again.
        VolumeChanged = 13 "dmarc.volume.changed",
        /// The state of a day, for the whole account.
        Summary = 14 "dmarc.summary",
        /// A mailbox or folder cannot be read.
        FeedFailing = 15 "feed.failing",
        /// It is read again.
        FeedRecovered = 16 "feed.recovered",
    }
}

/// In a list of kinds: all of them.
pub const ALL_EVENTS: &str = "*";

/// Kinds of events that a target wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Vec<String>);

impl Wanted {
    /// Of these kinds, in this order. [`ALL_EVENTS`] stands for all.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    /// The words of the kinds.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// Whether events of this kind are sent.
    pub fn has(&self, kind: EventKind) -> bool {
        self.0.iter().any(|word| word == kind.word() || word == ALL_EVENTS)
    }

    pub(super) fn read(text: &str) -> Self {
        Self::new(text.split_ascii_whitespace().map(str::to_owned))
    }

    pub(super) fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// A target that is on, as the outbox knows it.
#[derive(Debug)]
pub(super) struct Listener {
    pub target: i64,
    /// `None`: events of all domains, and those that are not of a domain.
    pub domain: Option<DomainId>,
    pub wanted: Wanted,
}

impl Listener {
    /// Whether it is told of this event.
    pub fn wants(&self, event: &Event) -> bool {
        self.wanted.has(event.kind) && (self.domain.is_none() || self.domain == event.domain)
    }
}

/// The targets of an account that are on.
pub(super) type Listeners = Arc<[Listener]>;

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub account: AccountId,
    /// `None`: it is not of a domain.
    pub domain: Option<DomainId>,
    pub kind: EventKind,
    /// The same for the same cause, however often it is written down.
    pub id: String,
    pub at: Millis,
    pub data: Value,
}

impl Event {
    /// `cause`: what happened to what, in numbers. Together with the kind it is the identity of the event.
    pub fn new(account: AccountId, domain: Option<DomainId>, kind: EventKind, at: Millis, cause: &[i64]) -> Self {
        Self {
            account,
            domain,
            kind,
            id: Self::id_of(kind.word(), account, cause),
            at,
            data: Value::Null,
        }
    }

    /// The id of what happened to an account, by its kind and cause.
    pub(super) fn id_of(kind: &str, account: AccountId, cause: &[i64]) -> String {
        let mut hash = Sha256::new_with_prefix(kind);
        hash.update(account.0.to_be_bytes());
        for part in cause {
            hash.update(part.to_be_bytes());
        }
        let digits: String = hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("evt_{digits}")
    }

    /// As [`Self::new`], for a cause with a name.
    pub(super) fn about(
        account: AccountId,
        domain: Option<DomainId>,
        (kind, at): (EventKind, Millis),
        name: &str,
        cause: &[i64],
    ) -> Self {
        let digest = Sha256::digest(name);
        let parts = digest.chunks_exact(8).map(|part| {
            let bytes = part.try_into().expect("chunks of eight");
            i64::from_be_bytes(bytes)
        });
        let cause: Vec<_> = cause.iter().copied().chain(parts).collect();
        Self::new(account, domain, kind, at, &cause)
    }

    /// Adds the members of an object to the data.
    pub(super) fn add(&mut self, more: Value) {
        if let (Some(all), Value::Object(more)) = (self.data.as_object_mut(), more) {
            all.extend(more);
        }
    }

    /// The body that is sent.
    pub fn payload(&self) -> String {
        let body = json!({
            "id": self.id,
            "type": self.kind.word(),
            "timestamp": format_instant(self.at),
            "data": self.data,
        });
        body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_identity_of_its_cause() {
        let event = |kind, cause: &[i64]| Event::new(AccountId(1), None, kind, 1_774_260_000_000, cause).id;
        let id = event(EventKind::ReportReceived, &[7, 42]);
        assert_eq!(id, event(EventKind::ReportReceived, &[7, 42]));
        assert_ne!(id, event(EventKind::ReportReceived, &[7, 43]));
        assert_ne!(id, event(EventKind::Quarantined, &[7, 42]));
        assert_eq!(id.len(), 36);
        assert!(!id.contains('.'), "a dot would end the id in the signed text");
    }

    #[test]
    fn a_target_wants_what_it_names() {
        let wanted = Wanted::read("dmarc.quarantined domain.failed");
        assert!(wanted.has(EventKind::Quarantined) && !wanted.has(EventKind::DomainVerified));
        assert!(Wanted::read(ALL_EVENTS).has(EventKind::DomainVerified));
        assert_eq!(wanted.text(), "dmarc.quarantined domain.failed");
    }

    #[test]
    fn a_target_of_a_domain_hears_of_no_other() {
        let event = |domain| Event::new(AccountId(1), domain, EventKind::DomainFailed, 0, &[1]);
        let wants = |own, domain| {
            let listener = Listener {
                target: 1,
                domain: own,
                wanted: Wanted::read(ALL_EVENTS),
            };
            listener.wants(&event(domain))
        };
        let (one, other) = (Some(DomainId(1)), Some(DomainId(2)));
        assert_eq!([wants(None, one), wants(None, None), wants(one, one)], [true; 3]);
        assert_eq!([wants(one, other), wants(one, None)], [false; 2]);
    }

    #[test]
    fn hostile_text_is_a_string_in_the_body() {
        let mut event = Event::new(AccountId(1), None, EventKind::Quarantined, 0, &[1]);
        event.data = json!({ "detail": "\"}\u{0}\u{202e}" });
        let read: Value = serde_json::from_str(&event.payload()).unwrap();
        assert_eq!(read["data"]["detail"], "\"}\u{0}\u{202e}");
        assert_eq!(read["type"], "dmarc.quarantined");
    }
}
