//! The questions about one address: its names, and whether one of them leads back to it.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::base::clock::Clock;
use crate::base::{Millis, is_hostname};
use crate::dns::{Dns, Unanswered};
use crate::metrics::Metrics;
use crate::store::{AddressName, AddressState, AskedAddress, NextQuestion, WaitingAddress};

/// Addresses that are asked about, and kept, together.
pub(super) const TOGETHER: usize = 64;
/// Those that wait for an answer at the same time.
const IN_FLIGHT: usize = 32;
/// Names of an address that are followed; it needs one.
const NAMES_MAX: usize = 4;
/// Questions without an answer, each longer after the one before, until an address waits for a report that mentions it.
const TRIES_MAX: u32 = 5;

const DAY: Millis = 86_400_000;
/// How long an answer is good.
const CONFIRMED_FOR: Millis = 30 * DAY;
const OTHERS_FOR: Millis = 7 * DAY;

/// Asks name servers, at a steady pace.
#[derive(Debug)]
pub(super) struct Asking {
    dns: Dns,
    metrics: Metrics,
    every: Duration,
    /// Made when the first question is asked: it needs a runtime.
    pace: Mutex<Option<Interval>>,
}

/// What DNS says about an address; `name` only if it is confirmed.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    state: AddressState,
    name: Option<String>,
}

impl Asking {
    pub fn new(dns: Dns, metrics: Metrics, questions_per_second_max: u32) -> Self {
        Self {
            dns,
            metrics,
            every: Duration::from_secs(1) / questions_per_second_max.max(1),
            pace: Mutex::default(),
        }
    }

    /// What comes of asking about each of these. `None` if the name servers do not answer at all.
    pub async fn ask(&self, waiting: Vec<WaitingAddress>, clock: &Clock) -> Option<Vec<AskedAddress>> {
        let asked = stream::iter(waiting)
            .map(|one| async {
                let said = self.look_up(&one).await;
                self.metrics.ptr().count_answer(said.state.word());
                asked(one, said, clock.now())
            })
            .buffer_unordered(IN_FLIGHT);
        let asked: Vec<_> = asked.collect().await;
        // Dead zones have no answer either, and their owner may mention as many addresses of them as they like.
        let silent = asked.iter().filter(|one| one.tries > 0).count();
        if 2 * silent > asked.len() && !self.is_up().await {
            return None;
        }
        Some(asked)
    }

    async fn is_up(&self) -> bool {
        self.wait_for_turn().await;
        self.dns.is_up().await
    }

    async fn look_up(&self, one: &WaitingAddress) -> Said {
        let nameless = |state| Said { state, name: None };
        self.wait_for_turn().await;
        let Ok(names) = self.dns.names_of(one.address).await else {
            return nameless(AddressState::Unanswered);
        };
        if names.is_empty() {
            return nameless(AddressState::Nameless);
        }
        let mut state = AddressState::Unconfirmed;
        for name in names.into_iter().filter(|name| is_hostname(name)).take(NAMES_MAX) {
            self.wait_for_turn().await;
            match self.dns.has_address(&name, one.address).await {
                Ok(true) => {
                    let state = AddressState::Confirmed;
                    return Said {
                        state,
                        name: Some(name),
                    };
                }
                Ok(false) | Err(Unanswered::NoName) => {}
                Err(_) => state = AddressState::Unanswered,
            }
        }
        nameless(state)
    }

    /// Counts the question that follows.
    async fn wait_for_turn(&self) {
        let mut pace = self.pace.lock().await;
        let pace = pace.get_or_insert_with(|| {
            let mut pace = interval(self.every);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        pace.tick().await;
        self.metrics.ptr().count_question();
    }
}

/// What is kept. Without an answer the one before stays, until the last try.
fn asked(one: WaitingAddress, said: Said, now: Millis) -> AskedAddress {
    let answer = AddressName {
        state: said.state,
        name: said.name,
        asked_at: now,
    };
    let (tries, good_for) = match said.state {
        AddressState::Confirmed => (0, CONFIRMED_FOR),
        AddressState::Nameless | AddressState::Unconfirmed => (0, OTHERS_FOR),
        AddressState::Unanswered => {
            let tries = one.tries.saturating_add(1).min(TRIES_MAX);
            (tries, (DAY << (tries - 1)).min(OTHERS_FOR))
        }
    };
    let is_again = (1..TRIES_MAX).contains(&tries);
    AskedAddress {
        address: one.address,
        known: one.known.filter(|_| is_again).unwrap_or(answer),
        ask_at: now.saturating_add(good_for),
        tries,
        next: if is_again {
            NextQuestion::WhenDue
        } else {
            NextQuestion::WhenMentioned
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn without_an_answer_it_is_asked_again_later_and_later() {
        let mut one = WaitingAddress {
            address: IpAddr::from([8, 8, 8, 8]),
            known: Some(AddressName {
                state: AddressState::Confirmed,
                name: Some("a.example".to_owned()),
                asked_at: 1,
            }),
            tries: 0,
        };
        let said = |state, name: Option<&str>| Said {
            state,
            name: name.map(str::to_owned),
        };
        for (days, next) in [
            (1, NextQuestion::WhenDue),
            (2, NextQuestion::WhenDue),
            (4, NextQuestion::WhenDue),
            (7, NextQuestion::WhenDue),
        ] {
            let came = asked(one.clone(), said(AddressState::Unanswered, None), 10);
            assert_eq!((came.ask_at, came.next), (10 + days * DAY, next));
            assert_eq!(Some(&came.known), one.known.as_ref(), "the answer before stays");
            one.tries = came.tries;
        }
        let last = asked(one.clone(), said(AddressState::Unanswered, None), 10);
        assert_eq!(last.known.state, AddressState::Unanswered);
        assert_eq!((last.known.name, last.next), (None, NextQuestion::WhenMentioned));
        let found = asked(one.clone(), said(AddressState::Confirmed, Some("b.example")), 10);
        assert_eq!((found.tries, found.ask_at), (0, 10 + 30 * DAY));
        assert_eq!(found.known.name.as_deref(), Some("b.example"));
        let gone = asked(one, said(AddressState::Nameless, None), 10);
        assert_eq!((gone.known.state, gone.ask_at), (AddressState::Nameless, 10 + 7 * DAY));
    }
}
