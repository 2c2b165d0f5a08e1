//! Seats for checks, shared out among the networks that mail comes from: who makes checks slow has few of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use tokio::sync::oneshot;

use crate::base::Network;

/// One network may have 1/`SHARE` of all seats.
const SHARE: usize = 8;

/// Seats. Of those that wait, the next is of the network that has the fewest, and of these the one that has waited longest.
#[derive(Debug)]
pub(super) struct Seats {
    state: Mutex<State>,
    of_network_max: usize,
}

#[derive(Debug, Default)]
struct State {
    free: usize,
    /// `None` is a mail server of ours, which hands on what others have sent.
    taken: HashMap<Option<Network>, usize>,
    waiting: HashMap<Option<Network>, VecDeque<(u64, oneshot::Sender<Seat>)>>,
    next: u64,
}

/// A seat that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    /// `None`: it never was handed over.
    seats: Option<Arc<Seats>>,
    network: Option<Network>,
}

impl Seats {
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free: total,
                ..State::default()
            }),
            of_network_max: (total / SHARE).max(1),
        })
    }

    /// Waits for a seat. Dropped, it waits no more.
    pub async fn take(self: &Arc<Self>, network: Option<Network>) -> Seat {
        let (sender, seat) = oneshot::channel();
        {
            let mut state = self.lock();
            let nth = state.next;
            state.next += 1;
            state.waiting.entry(network).or_default().push_back((nth, sender));
            self.hand_out(&mut state);
        }
        // The sender waits in `self`, which lives.
        seat.await.unwrap_or(Seat { seats: None, network })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives free seats to those that wait.
    fn hand_out(self: &Arc<Self>, state: &mut State) {
        while state.free > 0 {
            let State { taken, waiting, .. } = &*state;
            let has = |network: &Option<Network>| taken.get(network).copied().unwrap_or_default();
            let may = waiting
                .iter()
                .filter(|(network, _)| network.is_none() || has(network) < self.of_network_max);
            let next = may.min_by_key(|(network, queue)| (has(network), queue.front().map(|(nth, _)| *nth)));
            let Some((&network, _)) = next else { return };
            let Some(queue) = state.waiting.get_mut(&network) else {
                return;
            };
            while queue.front().is_some_and(|(_, sender)| sender.is_closed()) {
                queue.pop_front();
            }
            let first = queue.pop_front();
            if queue.is_empty() {
                state.waiting.remove(&network);
            }
            let Some((_, sender)) = first else { continue };
            let seat = Seat {
                seats: Some(Arc::clone(self)),
                network,
            };
            match sender.send(seat) {
                Ok(()) => {
                    state.free -= 1;
                    *state.taken.entry(network).or_default() += 1;
                }
                // It waits no more.
                Err(mut seat) => seat.seats = None,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(seats) = self.seats.take() else { return };
        let mut state = seats.lock();
        state.free += 1;
        if let Some(taken) = state.taken.get_mut(&self.network) {
            *taken -= 1;
            if *taken == 0 {
                state.taken.remove(&self.network);
            }
        }
        seats.hand_out(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn network(nth: u8) -> Option<Network> {
        Some(Network::around([10, 0, nth, 1].into()))
    }

    fn counts(seats: &Seats) -> (usize, usize, usize) {
        let state = seats.lock();
        let waiting = state.waiting.values().map(VecDeque::len).sum();
        (state.free, state.taken.values().sum(), waiting)
    }

    #[test]
    fn a_network_has_its_share_and_no_more() {
        let seats = Seats::new(16);
        let mut flood: Vec<_> = (0..40).map(|_| Box::pin(seats.take(network(1)))).collect();
        let taken: Vec<_> = flood.iter_mut().filter_map(|seat| seat.now_or_never()).collect();
        assert_eq!(taken.len(), 2);
        // A mail server of ours has no share; others have theirs.
        let own: Vec<_> = (0..10).filter_map(|_| seats.take(None).now_or_never()).collect();
        assert_eq!(own.len(), 10);
        assert!(seats.take(network(2)).now_or_never().is_some());
        drop((taken, own));
        drop(flood);
        // What waits no more, or was handed a seat that it never saw, leaves nothing behind.
        assert!(seats.take(network(1)).now_or_never().is_some());
        assert_eq!(counts(&seats), (16, 0, 0));
    }

    #[test]
    fn the_next_seat_goes_to_the_network_that_has_the_fewest() {
        let seats = Seats::new(16);
        let mut held: Vec<_> = (0..8)
            .flat_map(|nth| [nth, nth])
            .filter_map(|nth| seats.take(network(nth)).now_or_never())
            .collect();
        assert_eq!(counts(&seats), (0, 16, 0));
        let mut first = Box::pin(seats.take(network(1)));
        let mut newcomer = Box::pin(seats.take(network(99)));
        assert!((&mut first).now_or_never().is_none() && (&mut newcomer).now_or_never().is_none());
        held.pop();
        let seat = (&mut newcomer).now_or_never();
        assert!(seat.is_some() && (&mut first).now_or_never().is_none());
        // The share of the first is full; it is its own next.
        held.remove(2);
        assert!((&mut first).now_or_never().is_some());
        drop((held, seat));
        assert_eq!(counts(&seats), (16, 0, 0));
    }
}
