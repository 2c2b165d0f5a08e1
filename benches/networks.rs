//! Looking addresses up in the network table: how long it takes to inflate, and lookups per second on one core, of
//! addresses in any order and in their own. `cargo bench --bench networks`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use tallymark::enrich::{Networks, Services};

const ADDRESSES: usize = 50_000;
const ROUNDS: usize = 40;

fn main() {
    tallymark::heap::set_up();
    let start = Instant::now();
    let networks = Networks::built_in();
    println!(
        "inflated in {:.0?}, {:.1} MiB",
        start.elapsed(),
        networks.bytes() as f64 / 1_048_576.0
    );
    let start = Instant::now();
    let services = Services::built_in();
    println!("{} services read in {:.1?}", services.counts().0, start.elapsed());

    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 32
    };
    let mut ipv4: Vec<IpAddr> = (0..ADDRESSES).map(|_| Ipv4Addr::from(random() as u32).into()).collect();
    let ipv6: Vec<IpAddr> = (0..ADDRESSES)
        .map(|_| Ipv6Addr::from(u128::from(0x2000_0000 | random() >> 3) << 96 | u128::from(random()) << 64).into())
        .collect();
    measure(networks, "IPv4, random", &ipv4);
    measure(networks, "IPv6, random", &ipv6);
    ipv4.sort_unstable();
    measure(networks, "IPv4, ascending", &ipv4);
}

fn measure(networks: &Networks, what: &str, addresses: &[IpAddr]) {
    let mut best = f64::MAX;
    let mut known = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        known = 0;
        for address in addresses {
            known += usize::from(black_box(networks.facts(*address)).asn.is_some());
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{what}: {:.1} million lookups per second; {known} of {} have an AS",
        addresses.len() as f64 / best / 1e6,
        addresses.len()
    );
}
