//! A message for several owners: it is read once, and written for one owner after the other.
//!
//! Each owner has its own answer. A failure for one owner does not refuse the message to the next. The parsed message
//! goes from one owner to the next within the writer, and its memory stays counted until the last is answered.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::arrived::Arrived;
use super::options::IntakeError;
use super::parsed_bytes::ParsedBytes;
use crate::store::{Admitted, Belonging, NewFailure, NewMessage, NewReport, NewTlsReport, Outcome, Problem, Store};

/// A message with whom to tell.
pub(super) struct Job {
    pub message: Arrived,
    pub askers: Askers,
}

pub(super) type Answer = oneshot::Sender<Result<Outcome, IntakeError>>;

/// The owners that wait for an answer: the one for whom the message is written next, and those after it.
pub(super) struct Askers {
    /// Taken when the owner is answered.
    answer: Option<Answer>,
    /// `None` for most messages, which have one owner.
    rest: Option<Box<Rest>>,
}

struct Rest {
    others: VecDeque<(Belonging, Answer)>,
    /// The memory of the parsed message, until the last owner is answered.
    parsed: Option<ParsedBytes>,
    /// Whether the account of the previous owner has the message.
    account_has_it: bool,
    /// The contents of the message, if the writer had to remove them.
    held_before: Option<TakenOut>,
}

/// The reports and problems of a message that the database refuses.
struct TakenOut {
    reports: Vec<(String, NewReport)>,
    tls_reports: Vec<(String, NewTlsReport)>,
    failure: Option<NewFailure>,
    problems: Vec<Problem>,
}

impl Askers {
    /// The answer for a message with one owner.
    pub fn one(answer: Answer) -> Self {
        Self {
            answer: Some(answer),
            rest: None,
        }
    }

    /// The answers for a message with several owners. Owners of one account must be adjacent.
    pub fn several(answer: Answer, others: impl Iterator<Item = (Belonging, Answer)>) -> Self {
        let others: VecDeque<_> = others.collect();
        let rest = (!others.is_empty()).then(|| {
            Box::new(Rest {
                others,
                parsed: None,
                account_has_it: false,
                held_before: None,
            })
        });
        Self {
            answer: Some(answer),
            rest,
        }
    }

    /// Whether the message goes on to another owner.
    pub fn are_several(&self) -> bool {
        self.rest.is_some()
    }

    fn bytes_held(&self) -> usize {
        let parsed = self.rest.as_ref().and_then(|rest| rest.parsed.as_ref());
        parsed.map_or(0, ParsedBytes::bytes)
    }

    /// Keeps the memory of the parsed message counted until the last owner is answered.
    pub fn hold(&mut self, parsed: ParsedBytes) {
        if let Some(rest) = &mut self.rest {
            rest.parsed = Some(parsed);
        }
    }

    /// Answers the present owner.
    pub fn tell(&mut self, message: &mut NewMessage, outcome: Outcome) {
        if let Some(rest) = &mut self.rest {
            rest.account_has_it |= !outcome.over_quota;
            message.room.kept_bytes = message.room.kept_bytes.saturating_add(outcome.kept_bytes);
        }
        self.answer(if outcome.over_quota {
            Err(IntakeError::OverQuota)
        } else {
            Ok(outcome)
        });
    }

    /// Answers the present owner that the message was not accepted.
    pub fn refuse(&mut self, error: IntakeError) {
        self.answer(Err(error));
    }

    fn answer(&mut self, answered: Result<Outcome, IntakeError>) {
        if let Some(answer) = self.answer.take() {
            // A sender that has gone gets "duplicate" when it sends the message again.
            let _ = answer.send(answered);
        }
    }

    /// Answers all owners that the message was not accepted.
    pub fn refuse_all(mut self, error: &IntakeError) {
        self.refuse(error.clone());
        for (_, answer) in self.rest.into_iter().flat_map(|rest| rest.others) {
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// Replaces the contents of the message by `problem`, because the database refuses them.
    pub fn take_out(&mut self, message: &mut NewMessage, problem: Problem) {
        let taken_out = TakenOut {
            reports: std::mem::take(&mut message.reports),
            tls_reports: std::mem::take(&mut message.tls_reports),
            failure: message.failure.take(),
            problems: std::mem::replace(&mut message.problems, vec![problem]),
        };
        if let Some(rest) = &mut self.rest {
            rest.held_before = Some(taken_out);
        }
    }

    /// Makes the message that of its next owner; false if no owner is left. An owner whose account finds no room, because
    /// the message has taken it for others, is answered [`IntakeError::TooMuchForOthers`]. When the message comes again, the
    /// others have it already, and it takes no more for them.
    pub fn go_on(&mut self, message: &mut NewMessage) -> bool {
        // An owner without an answer learns that nothing was accepted.
        self.answer = None;
        let Some(rest) = &mut self.rest else { return false };
        if let Some(taken_out) = rest.held_before.take() {
            message.reports = taken_out.reports;
            message.tls_reports = taken_out.tls_reports;
            message.failure = taken_out.failure;
            message.problems = taken_out.problems;
        }
        while let Some((belonging, answer)) = rest.others.pop_front() {
            rest.account_has_it &= belonging.account() == message.belonging.account();
            message.belonging = belonging;
            if !message.has_room_for_one_more(rest.account_has_it) {
                let _ = answer.send(Err(IntakeError::TooMuchForOthers));
                continue;
            }
            self.answer = Some(answer);
            return true;
        }
        false
    }
}

/// Messages that are written for one owner, and go on to the next.
#[derive(Default)]
pub(super) struct GoingOn {
    messages: VecDeque<(NewMessage, Askers)>,
    bytes: usize,
}

impl GoingOn {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Memory of the messages apart from their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the messages of a batch that have more owners. The owner for whom each was written has its answer, or
    /// learns that nothing was accepted.
    pub fn add(&mut self, messages: Vec<NewMessage>, askers: Vec<Askers>) {
        if !askers.iter().any(Askers::are_several) {
            return;
        }
        for (mut message, mut askers) in messages.into_iter().zip(askers) {
            if askers.go_on(&mut message) {
                self.bytes += askers.bytes_held();
                self.messages.push_back((message, askers));
            }
        }
    }

    /// The next messages, with their share of the disk: up to a number of messages, and none after `bytes_max` of
    /// mail. A message for which the disk has no room goes to its next owner at once.
    pub async fn next(
        &mut self,
        store: &Store,
        messages_max: usize,
        bytes_max: usize,
    ) -> (Vec<NewMessage>, Vec<Askers>, Vec<Admitted>) {
        let (mut messages, mut askers, mut admitted) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = 0;
        while messages.len() < messages_max
            && bytes < bytes_max
            && let Some((mut message, mut asker)) = self.messages.pop_front()
        {
            self.bytes -= asker.bytes_held();
            bytes += message.bytes.len();
            loop {
                match store.admit(message.bytes.len() as u64).await {
                    Ok(room) => {
                        admitted.push(room);
                        messages.push(message);
                        askers.push(asker);
                        break;
                    }
                    Err(error) => {
                        asker.refuse(error.into());
                        if !asker.go_on(&mut message) {
                            break;
                        }
                    }
                }
            }
        }
        (messages, askers, admitted)
    }
}
