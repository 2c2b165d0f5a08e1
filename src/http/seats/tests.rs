//! Which connection makes room for which.

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
        "the address has its seats, and none has waited for a moment"
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

/// A newcomer gets a seat before the connections of a crowd have waited for [`GRACE`].
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
    assert_eq!(
        (closed(&some), closed(&more)),
        (0, 1),
        "connections that are being served stay"
    );
    more.iter().for_each(|one| one.seat.begins());
    let full = seats.admit(at("203.0.113.2"));
    assert_eq!(full.service, Service::Whole, "the seat that the first has left");
    assert_eq!(seats.admit(at("203.0.113.3")).service, Service::Health);
}

#[test]
fn a_crowd_has_over_twice_the_newcomers_connections() {
    for (many, is_crowd) in [(34, false), (35, true)] {
        let (seats, _) = seats(many + 17, 100);
        let of = |address: &str, count: usize| (0..count).map(|_| seats.admit(at(address))).collect::<Vec<_>>();
        let (some, _fewer) = (of("198.51.100.1", many), of("198.51.100.2", 17));
        let whole = seats.admit(at("198.51.100.2")).service == Service::Whole;
        assert_eq!(whole, is_crowd, "{many}");
        assert_eq!(some.iter().any(|one| one.seat.end.is_cancelled()), is_crowd, "{many}");
    }
}

#[test]
fn the_longest_wait_ends_before_a_crowds() {
    let crowd = CROWD_SEATS as usize + 1;
    let (seats, clock) = seats(crowd + 1, 2 * crowd);
    let waits = seats.admit(at("203.0.113.1"));
    clock.advance(GRACE);
    let all: Vec<_> = (0..crowd).map(|_| seats.admit(at("198.51.100.1"))).collect();
    assert_eq!(seats.admit(at("203.0.113.2")).service, Service::Whole);
    assert!(waits.seat.end.is_cancelled() && !all.iter().any(|one| one.seat.end.is_cancelled()));
}

#[test]
fn connections_through_a_proxy_are_no_crowd() {
    let crowd = CROWD_SEATS as usize + 1;
    let (seats, _) = seats(2 * crowd, 4 * crowd);
    let through: Vec<_> = (0..2 * crowd).map(|_| seats.admit(at("192.0.2.1"))).collect();
    assert_eq!(seats.admit(at("203.0.113.1")).service, Service::Health);
    assert!(through.iter().all(|one| !one.seat.end.is_cancelled()));
    drop(through);
    let direct: Vec<_> = (0..crowd).map(|_| seats.admit(at("203.0.113.1"))).collect();
    let _through: Vec<_> = (0..crowd).map(|_| seats.admit(at("192.0.2.1"))).collect();
    let next = seats.admit(at("192.0.2.1"));
    assert_eq!(next.service, Service::Whole, "its clients are not of its crowd either");
    assert!(direct.iter().any(|one| one.seat.end.is_cancelled()));
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
