//! Handing a whole message in, and the reply to each of its recipients.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use super::{Acknowledge, Session, shown};
use crate::ingest::{Belonging, Envelope, IntakeError, Outcome, RawMessage};
use crate::listeners::smtp::event::Security;
use crate::listeners::smtp::reply::{self, Reply};
use crate::listeners::smtp::settings::Protocol;
use crate::listeners::smtp::spill::WholeBody;
use crate::store::StoreError;

/// Length of the text that says where a message came from.
const ORIGIN_BYTES_MAX: usize = 512;

/// What became of a message for one of those that it is for; the worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Kept,
    Undecided,
    OverQuota,
    TooMuchForOthers,
    NoRoom,
    NotStored,
    Closing,
}

impl Answer {
    const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Undecided => "undecided",
            Self::OverQuota => "over_quota",
            Self::TooMuchForOthers => "too_much_for_others",
            Self::NoRoom => "no_room",
            Self::NotStored => "not_stored",
            Self::Closing => "closing",
        }
    }

    fn reply(self, id: &str) -> Reply {
        match self {
            Self::Kept => Reply::new(250, "2.0.0", Cow::Owned(format!("queued as {id}"))),
            Self::Undecided => reply::UNDECIDED,
            Self::OverQuota => reply::OVER_QUOTA,
            Self::TooMuchForOthers => reply::TOO_MUCH_FOR_OTHERS,
            Self::NoRoom => reply::NO_ROOM,
            Self::NotStored => reply::NOT_STORED,
            Self::Closing => reply::CLOSING,
        }
    }
}

impl Session<'_> {
    /// Submits the message for every recipient, and returns a reply for each.
    pub(super) async fn take_message(&mut self) -> Vec<Reply> {
        let body = std::mem::take(&mut self.body);
        let Some(transaction) = self.engine.transaction() else {
            return Vec::new();
        };
        // One that stands for several recipients is handed in once.
        let mut targets: Vec<Belonging> = Vec::new();
        for target in transaction.recipients.iter().flat_map(|recipient| &recipient.targets) {
            if !targets.contains(target) {
                targets.push(*target);
            }
        }
        let whole = match body.finish(&self.shared.budget).await {
            Ok(whole) => whole,
            Err(error) => {
                self.shared.metrics.count_smtp_message("no_room");
                return vec![self.without_room(&error)];
            }
        };
        let (id, answers) = self.submit(whole, &targets).await;
        let of_target = |target: &Belonging| targets.iter().position(|other| other == target).map(|nth| answers[nth]);
        let replies = transaction.recipients.iter().map(|recipient| {
            let worst = recipient
                .targets
                .iter()
                .filter_map(of_target)
                .max()
                .unwrap_or(Answer::Kept);
            worst.reply(&id)
        });
        let replies = replies.collect();
        let worst = answers.iter().max().copied().unwrap_or(Answer::Kept);
        self.shared.metrics.count_smtp_message(worst.word());
        replies
    }

    async fn submit(&self, whole: WholeBody, targets: &[Belonging]) -> (String, Vec<Answer>) {
        // Held until the last commit.
        let WholeBody { bytes, held: _held } = whole;
        let Some(&first) = targets.first() else {
            return (String::new(), Vec::new());
        };
        let received_at = self.shared.clock.now();
        let id = format!(
            "{received_at:x}-{:x}",
            self.shared.messages.fetch_add(1, Ordering::Relaxed)
        );
        let length = bytes.len();
        let raw = RawMessage {
            bytes,
            received_at,
            origin: self.origin(),
            belonging: first,
            envelope: self.envelope(&id),
        };
        if self.shared.acknowledge == Acknowledge::BeforeCommitWhichLosesMail {
            let answers = vec![Answer::Kept; targets.len()];
            let (intake, targets) = (self.shared.intake.clone(), targets.to_vec());
            tokio::spawn(async move { intake.submit_to(raw, &targets).await });
            return (id, answers);
        }
        let outcomes = self.shared.intake.submit_or_defer(raw, targets).await;
        let answers = outcomes.into_iter().map(|outcome| {
            self.note(&id, length, &outcome);
            match outcome {
                Ok(_) => Answer::Kept,
                Err(IntakeError::Store(error)) if matches!(*error, StoreError::Full(_)) => Answer::NoRoom,
                Err(IntakeError::Store(_) | IntakeError::Busy) => Answer::NotStored,
                Err(IntakeError::Undecided) => Answer::Undecided,
                Err(IntakeError::OverQuota) => Answer::OverQuota,
                Err(IntakeError::TooMuchForOthers) => Answer::TooMuchForOthers,
                Err(IntakeError::Closed) => Answer::Closing,
            }
        });
        let answers = answers.collect();
        (id, answers)
    }

    fn note(&self, id: &str, length: usize, outcome: &Result<Outcome, IntakeError>) {
        match outcome {
            Ok(Outcome { reports, set_aside, .. }) => {
                let (reports, set_aside) = (reports.len(), set_aside.len());
                tracing::info!(id, peer = self.peer, bytes = length, reports, set_aside, "message kept");
            }
            // One line a message would be as many as a stranger wants: they are counted.
            Err(IntakeError::OverQuota) => tracing::debug!(id, peer = self.peer, bytes = length, "message not kept"),
            // The intake has said why, once for the whole batch.
            Err(error) => tracing::warn!(id, peer = self.peer, bytes = length, %error, "message not kept"),
        }
    }

    /// For the provenance of the reports in the message.
    fn envelope(&self, id: &str) -> Option<Envelope> {
        let sender = self
            .engine
            .transaction()
            .and_then(|transaction| transaction.mail.sender.as_ref());
        Some(Envelope {
            // The listener made it from a socket address.
            peer: self.peer.parse::<SocketAddr>().ok()?.ip(),
            helo: self.engine.hello().unwrap_or_default().to_owned(),
            mail_from: sender.map(ToString::to_string).unwrap_or_default(),
            // LMTP is spoken by our own mail server, which does not say whose mail it hands on.
            is_from_peer: self.settings.protocol != Protocol::Lmtp,
            tls: self.tls.clone(),
            queue_id: id.to_owned(),
        })
    }

    /// Human-readable origin of the message, shown if it is set aside.
    fn origin(&self) -> String {
        let hello = shown(self.engine.hello().unwrap_or_default());
        let tls = if self.engine.security() == Security::Tls {
            " over TLS"
        } else {
            ""
        };
        let sender = self
            .engine
            .transaction()
            .and_then(|transaction| transaction.mail.sender.as_ref());
        let sender = sender.map(|sender| shown(&sender.to_string())).unwrap_or_default();
        let mut origin = format!("{} {hello}{tls}, from <{sender}>", self.peer);
        origin.truncate(origin.floor_char_boundary(ORIGIN_BYTES_MAX));
        origin
    }
}
