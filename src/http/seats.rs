//! Open connections: their limits in total and per address, and which is closed when there are more.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderName};
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;

use super::in_flight::InFlight;
use super::rate::network_of;
use crate::base::Network;
use crate::base::clock::Clock;

/// Limits on the number of connections, and on the time that one may be idle.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Total number. In addition there are [`SERVICE_SEATS`] for health checks.
    pub total_max: usize,
    /// Connections from one address (IPv6: /64), and concurrent requests of one client behind a proxy.
    pub per_address_max: usize,
    /// Answers that one address has not read yet, bytes.
    pub answers_per_address_bytes_max: usize,
    /// From the connection, or the last answer, to the end of a request's head.
    pub head_time_max: Duration,
    /// How long a client may read next to nothing of an answer.
    pub stall_time_max: Duration,
    /// Proxies. Their client is the last address in `X-Forwarded-For` that is not a proxy.
    pub proxies: Vec<Network>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total_max: 2_048,
            per_address_max: 256,
            answers_per_address_bytes_max: 64 * 1024 * 1024,
            head_time_max: Duration::from_secs(30),
            stall_time_max: Duration::from_secs(30),
            proxies: Vec::new(),
        }
    }
}

/// Connections beyond the limits, which only answer health checks. The oldest makes room for the next.
pub(super) const SERVICE_SEATS: usize = 64;
/// A connection that has waited for its client for less is closed to make room only if its address is a crowd.
const GRACE: Duration = Duration::from_secs(1);
/// Connections of one address above which it may be a crowd. It is one for an address with less than half as many.
const CROWD_SEATS: u32 = 32;
/// Number of known addresses at which those without connections are forgotten.
const ADDRESSES_KEPT: usize = 4_096;

/// All seats. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Room>);

#[derive(Debug)]
struct Room {
    limits: ConnectionLimits,
    clock: Clock,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
    /// Connections for health checks, oldest first.
    service: VecDeque<(u64, Arc<Seat>)>,
    addresses: HashMap<IpAddr, Arc<Address>>,
}

/// What one address uses (IPv6: a /64).
#[derive(Debug)]
pub(super) struct Address {
    /// Connections, without those of proxies.
    seats: AtomicU32,
    requests: AtomicU32,
    pub(super) answers: InFlight,
}

/// One connection as others see it.
#[derive(Debug)]
pub(super) struct Seat {
    /// The address that it is counted for (IPv6: a /64).
    pub(super) of: IpAddr,
    is_proxy: bool,
    clock: Clock,
    /// When it began to wait for its client: milliseconds of the monotonic clock, plus one. 0: it does not wait.
    waits: AtomicU64,
    is_busy: AtomicBool,
    /// Tells the connection to close.
    pub(super) end: CancellationToken,
}

/// What a connection may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Whole,
    /// Only health checks.
    Health,
}

/// A seat that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Seated {
    seats: Seats,
    number: u64,
    pub(super) seat: Arc<Seat>,
    pub(super) address: Arc<Address>,
    pub(super) service: Service,
}

/// A request of a client behind a proxy, until this is dropped.
#[derive(Debug)]
pub(super) struct Forwarded(Arc<Address>);

impl Seats {
    pub(super) fn new(limits: ConnectionLimits, clock: Clock) -> Self {
        Self(Arc::new(Room {
            limits,
            clock,
            taken: Mutex::default(),
        }))
    }

    pub(super) fn limits(&self) -> &ConnectionLimits {
        &self.0.limits
    }

    /// Returns a seat for a new connection. If all are taken, the connection that has waited longest is closed, if it has
    /// waited for [`GRACE`] or belongs to a crowd. If there is no such connection, the new one is only for health checks.
    pub(super) fn admit(&self, peer: IpAddr) -> Seated {
        let (limits, of) = (&self.0.limits, network_of(peer));
        let mut taken = self.taken();
        let address = taken.address(of, limits);
        let is_proxy = self.is_proxy(peer);
        let own = match is_proxy {
            true => 0,
            false => address.seats.load(Ordering::Relaxed),
        };
        let only_of = (own as usize >= limits.per_address_max).then_some(of);
        let is_full = only_of.is_some() || taken.seats.len() >= limits.total_max;
        let service = match is_full && !taken.close_longest(only_of, own) {
            false => Service::Whole,
            true => Service::Health,
        };
        taken.next += 1;
        let number = taken.next;
        let seat = Arc::new(Seat {
            is_proxy,
            ..Seat::new(of, self.0.clock.clone())
        });
        match service {
            Service::Whole => {
                if !is_proxy {
                    address.seats.fetch_add(1, Ordering::Relaxed);
                }
                taken.seats.insert(number, Arc::clone(&seat));
            }
            Service::Health => {
                if taken.service.len() >= SERVICE_SEATS
                    && let Some((_, oldest)) = taken.service.pop_front()
                {
                    oldest.end.cancel();
                }
                taken.service.push_back((number, Arc::clone(&seat)));
            }
        }
        drop(taken);
        Seated {
            seats: self.clone(),
            number,
            seat,
            address,
            service,
        }
    }

    /// The client of a request from `peer`.
    pub(super) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.is_proxy(peer.ip()) {
            return peer;
        }
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let texts = lines.iter().rev().filter_map(|line| line.to_str().ok());
        for text in texts.flat_map(|line| line.rsplit(',')) {
            match address_in(text.trim()) {
                Some(address) if self.is_proxy(address) => {}
                Some(address) => return SocketAddr::new(address, 0),
                // Unreadable: the origin of the entries before it is unknown.
                None => break,
            }
        }
        peer
    }

    /// A request that a proxy passes on for `client`; `None` if that client has reached its limit of running requests.
    pub(super) fn forwarded(&self, client: IpAddr) -> Option<Forwarded> {
        let limits = &self.0.limits;
        let address = self.taken().address(network_of(client), limits);
        let running = address.requests.fetch_add(1, Ordering::Relaxed) as usize;
        // Created first, because dropping it counts down again.
        let forwarded = Forwarded(address);
        (running < limits.per_address_max).then_some(forwarded)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.limits.proxies.iter().any(|proxies| proxies.contains(address))
    }

    fn leave(&self, number: u64) {
        let mut taken = self.taken();
        // It is gone already if it had to make room.
        if let Some(seat) = taken.seats.remove(&number) {
            taken.count_down(&seat);
        } else {
            taken.service.retain(|(other, _)| *other != number);
        }
    }

    /// A panic while the lock is held leaves a seat too many or too few.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn address(&mut self, of: IpAddr, limits: &ConnectionLimits) -> Arc<Address> {
        if let Some(address) = self.addresses.get(&of) {
            return Arc::clone(address);
        }
        if self.addresses.len() >= ADDRESSES_KEPT {
            let is_used = |address: &Arc<Address>| Arc::strong_count(address) > 1 || address.answers.bytes() > 0;
            self.addresses.retain(|_, address| is_used(address));
        }
        let address = Arc::new(Address {
            seats: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            answers: InFlight::new(limits.answers_per_address_bytes_max),
        });
        self.addresses.insert(of, Arc::clone(&address));
        address
    }

    /// Closes the connection that has waited longest for its client: of the address `only_of`, or of all. `own` is the number
    /// of connections that the newcomer's address has. Returns false if none may be closed.
    fn close_longest(&mut self, only_of: Option<IpAddr>, own: u32) -> bool {
        let may_close = |seat: &Seat, waited| match only_of {
            Some(of) => seat.of == of && waited >= GRACE,
            None => waited >= GRACE || self.is_of_crowd(seat, own),
        };
        let waiting = self.seats.iter().filter_map(|(number, seat)| {
            let waited = seat.waited()?;
            may_close(seat, waited).then_some((waited, *number))
        });
        let longest = waiting.max();
        let Some(seat) = longest.and_then(|(_, number)| self.seats.remove(&number)) else {
            return false;
        };
        self.count_down(&seat);
        seat.end.cancel();
        true
    }

    /// Whether the address of `seat` has more than [`CROWD_SEATS`] connections, and more than twice `own`. Never for a proxy: it
    /// has the connections of its clients.
    fn is_of_crowd(&self, seat: &Seat, own: u32) -> bool {
        let seats = |address: &Arc<Address>| address.seats.load(Ordering::Relaxed);
        !seat.is_proxy && self.addresses.get(&seat.of).map_or(0, seats) > CROWD_SEATS.max(own.saturating_mul(2))
    }

    fn count_down(&self, seat: &Seat) {
        if !seat.is_proxy
            && let Some(address) = self.addresses.get(&seat.of)
        {
            address.seats.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Seat {
    fn new(of: IpAddr, clock: Clock) -> Self {
        let seat = Self {
            of,
            is_proxy: false,
            clock,
            waits: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
            end: CancellationToken::new(),
        };
        seat.waits_from_now();
        seat
    }

    /// Notes that a request is being answered, so that nothing waits for the client.
    pub(super) fn begins(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
        self.goes_on();
    }

    /// Notes that the answer is ready.
    pub(super) fn ends(&self) {
        self.is_busy.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// Notes that the client must act, unless it had to before.
    pub(super) fn waits(&self) {
        if self.waits.load(Ordering::Relaxed) == 0 {
            self.waits_from_now();
        }
    }

    /// Notes that the client acted. If it must act again, the wait begins now.
    pub(super) fn moves(&self) {
        if self.waits.load(Ordering::Relaxed) != 0 {
            self.waits_from_now();
        }
    }

    /// Notes that the client has nothing to do.
    pub(super) fn goes_on(&self) {
        self.waits.store(0, Ordering::Relaxed);
    }

    fn waits_from_now(&self) {
        let millis = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX - 1);
        self.waits.store(millis + 1, Ordering::Relaxed);
    }

    fn waited(&self) -> Option<Duration> {
        let since = self.waits.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.clock.monotonic().saturating_sub(Duration::from_millis(since)))
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.seats.leave(self.number);
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Forwarded {
    /// The answers of that client.
    pub(super) fn answers(&self) -> &InFlight {
        &self.0.answers
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// An address as proxies write it, with or without a port.
fn address_in(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse();
    let address = bare.or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
