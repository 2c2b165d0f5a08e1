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
/// A connection that has waited for its client for less is not closed to make room.
const GRACE: Duration = Duration::from_secs(1);
/// An address with more connections than this is part of a crowd: they are closed at once for those of an address with fewer.
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
    seats: AtomicU32,
    requests: AtomicU32,
    pub(super) answers: InFlight,
}

/// One connection as others see it.
#[derive(Debug)]
pub(super) struct Seat {
    of: IpAddr,
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

    /// A seat for a new connection. If there is none, the connection that has waited longest for its client is
    /// closed. If none has waited for a moment, and none of a crowd waits, the new one is only for health checks.
    pub(super) fn admit(&self, peer: IpAddr) -> Seated {
        let (limits, of) = (&self.0.limits, network_of(peer));
        let mut taken = self.taken();
        let address = taken.address(of, limits);
        let is_proxy = self.is_proxy(peer);
        let of_address = address.seats.load(Ordering::Relaxed);
        let only_of = (!is_proxy && of_address as usize >= limits.per_address_max).then_some(of);
        let is_full = only_of.is_some() || taken.seats.len() >= limits.total_max;
        let service = match is_full && !taken.close_longest(only_of, of_address) {
            false => Service::Whole,
            true => Service::Health,
        };
        taken.next += 1;
        let number = taken.next;
        let seat = Arc::new(Seat::new(of, is_proxy, self.0.clock.clone()));
        match service {
            Service::Whole => {
                address.seats.fetch_add(1, Ordering::Relaxed);
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
            taken.count_down(seat.of);
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

    /// Closes the connection that has waited longest for its client, of one address or of all, for one of an address with
    /// `own` connections. Returns false if none has waited for a moment and none of a crowd waits.
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
        self.count_down(seat.of);
        seat.end.cancel();
        true
    }

    /// Whether the address of a seat has far more connections than the `own` of another. A proxy has those of its clients.
    fn is_of_crowd(&self, seat: &Seat, own: u32) -> bool {
        let seats = |address: &Arc<Address>| address.seats.load(Ordering::Relaxed);
        !seat.is_proxy && self.addresses.get(&seat.of).map_or(0, seats) > CROWD_SEATS.max(own.saturating_mul(2))
    }

    fn count_down(&self, of: IpAddr) {
        if let Some(address) = self.addresses.get(&of) {
            address.seats.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Seat {
    fn new(of: IpAddr, is_proxy: bool, clock: Clock) -> Self {
        let seat = Self {
            of,
            is_proxy,
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
mod tests {
    use super::*;

    fn seats(total_max: usize, per_address_max: usize) -> (Seats, Clock) {
        let limits = ConnectionLimits {
            total_max,
            per_address_max,
            proxies: vec!["192.0.2.0/24".parse().unwrap()],
            ..ConnectionLimits::default()
        };
        let clock = Clock::fixed(0);
        (Seats::new(limits, clock.clone()), clock)
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_waiting_connection_is_closed() {
        let (seats, clock) = seats(3, 2);
        let first = seats.admit(at("198.51.100.1"));
        clock.advance(Duration::from_millis(10));
        let second = seats.admit(at("198.51.100.1"));
        let third = seats.admit(at("198.51.100.1"));
        assert_eq!(
            third.service,
            Service::Health,
            "the address has its seats, and nobody has waited for a moment"
        );
        clock.advance(GRACE);
        let busy = seats.admit(at("203.0.113.1"));
        busy.seat.begins();
        assert_eq!(busy.service, Service::Whole);
        let fourth = seats.admit(at("198.51.100.1"));
        assert_eq!(fourth.service, Service::Whole);
        assert!(first.seat.end.is_cancelled() && !second.seat.end.is_cancelled());
        fourth.seat.begins();
        second.seat.begins();
        clock.advance(10 * GRACE);
        assert_eq!(
            seats.admit(at("203.0.113.9")).service,
            Service::Health,
            "all are taken, and all are being served"
        );
        second.seat.ends();
        second.seat.waits();
        clock.advance(GRACE);
        assert_eq!(seats.admit(at("203.0.113.9")).service, Service::Whole);
        assert!(second.seat.end.is_cancelled() && !busy.seat.end.is_cancelled());
    }

    /// Others need not wait until the connections of a crowd have waited for a moment.
    #[test]
    fn a_crowd_makes_room_at_once() {
        let crowd = CROWD_SEATS as usize + 1;
        let (seats, _) = seats(2 * crowd, 2 * crowd);
        let of = |address: &str| (0..crowd).map(|_| seats.admit(at(address))).collect::<Vec<_>>();
        let (some, more) = (of("198.51.100.1"), of("198.51.100.2"));
        let closed = |all: &[Seated]| all.iter().filter(|one| one.seat.end.is_cancelled()).count();
        let one_of_them = seats.admit(at("198.51.100.1"));
        assert_eq!(
            one_of_them.service,
            Service::Health,
            "the control: it has as many as any other"
        );
        some.iter().for_each(|one| one.seat.begins());
        assert_eq!(seats.admit(at("203.0.113.1")).service, Service::Whole);
        assert_eq!((closed(&some), closed(&more)), (0, 1), "whoever is being served stays");
        more.iter().for_each(|one| one.seat.begins());
        let full = seats.admit(at("203.0.113.2"));
        assert_eq!(full.service, Service::Whole, "the seat that the first has left");
        assert_eq!(seats.admit(at("203.0.113.3")).service, Service::Health);
    }

    #[test]
    fn connections_through_a_proxy_are_no_crowd() {
        let crowd = CROWD_SEATS as usize + 1;
        let (seats, _) = seats(crowd, 2 * crowd);
        let through: Vec<_> = (0..crowd).map(|_| seats.admit(at("192.0.2.1"))).collect();
        assert_eq!(seats.admit(at("203.0.113.1")).service, Service::Health);
        assert!(through.iter().all(|one| !one.seat.end.is_cancelled()));
    }

    #[test]
    fn seats_are_given_back() {
        let (seats, _) = seats(4, 4);
        for _ in 0..3 {
            let taken: Vec<_> = (0..8).map(|_| seats.admit(at("2001:db8::1"))).collect();
            assert_eq!(taken.iter().filter(|one| one.service == Service::Whole).count(), 4);
            drop(taken);
        }
        let taken: Vec<_> = (0..6).map(|low| seats.admit(at(&format!("2001:db8::{low}")))).collect();
        assert_eq!(taken[4].service, Service::Health, "an IPv6 network is one address");
        assert_eq!(taken[0].address.seats.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn the_seats_for_health_go_round() {
        let (seats, _) = seats(0, 10);
        let first = seats.admit(at("198.51.100.1"));
        let others: Vec<_> = (1..SERVICE_SEATS).map(|_| seats.admit(at("198.51.100.2"))).collect();
        assert!(!first.seat.end.is_cancelled());
        let next = seats.admit(at("198.51.100.3"));
        assert!(first.seat.end.is_cancelled() && !others[0].seat.end.is_cancelled());
        assert_eq!(next.service, Service::Health);
    }

    #[test]
    fn a_client_is_whom_the_nearest_proxy_saw() {
        let (seats, _) = seats(1, 1);
        let proxy = "192.0.2.1:4711";
        for (peer, lines, client) in [
            (proxy, &["198.51.100.7"][..], "198.51.100.7"),
            (proxy, &["10.0.0.1, 198.51.100.7"], "198.51.100.7"),
            (proxy, &["10.0.0.1", "198.51.100.7, 192.0.2.9"], "198.51.100.7"),
            (proxy, &["[2001:db8::1]:443"], "2001:db8::1"),
            (proxy, &["198.51.100.7:9"], "198.51.100.7"),
            (proxy, &["::ffff:198.51.100.7"], "198.51.100.7"),
            (proxy, &["198.51.100.7, unknown"], "192.0.2.1"),
            (proxy, &[], "192.0.2.1"),
            ("203.0.113.5:1", &["198.51.100.7"], "203.0.113.5"),
        ] {
            let pairs = lines.iter().map(|line| (FORWARDED_FOR, line.parse().unwrap()));
            let headers: HeaderMap = pairs.collect();
            let found = seats.client(peer.parse().unwrap(), &headers).ip();
            assert_eq!(found, at(client), "{peer} {lines:?}");
        }
    }

    #[test]
    fn requests_of_one_client_behind_a_proxy_are_bounded() {
        let (seats, _) = seats(10, 2);
        let running = [seats.forwarded(at("198.51.100.7")), seats.forwarded(at("198.51.100.7"))];
        assert!(running.iter().all(Option::is_some));
        assert!(seats.forwarded(at("198.51.100.7")).is_none());
        assert!(seats.forwarded(at("198.51.100.8")).is_some());
        drop(running);
        assert!(seats.forwarded(at("198.51.100.7")).is_some());
    }
}
