use std::net::IpAddr;

use proptest::prelude::*;

use super::testdata::{Data, Mmdb, file, ipinfo, metadata, put, put_node};
use super::*;
use crate::base::Day;

const LIMITS: MmdbLimits = MmdbLimits {
    steps_max: 200_000,
    bounds_max: 1_000,
    systems_max: 100,
};

fn read(bytes: &[u8]) -> Result<Networks, NetworksError> {
    Networks::from_mmdb(bytes, LIMITS)
}

fn maxmind(asn: u64, name: &'static str) -> Data {
    Data::Map(vec![
        ("autonomous_system_number", Data::Number(asn, 4)),
        ("autonomous_system_organization", Data::Text(name)),
    ])
}

fn country(code: &'static str) -> Data {
    let names = Data::Map(vec![("de", Data::Text("Irland")), ("en", Data::Text("Ireland"))]);
    Data::Map(vec![
        ("geoname_id", Data::Number(2_963_597, 4)),
        ("is_in_european_union", Data::Boolean),
        ("iso_code", Data::Text(code)),
        ("names", names),
    ])
}

fn check(networks: &Networks, expected: &[(&str, Option<u32>, Option<&str>, Option<&str>)]) {
    for &(address, asn, as_name, country) in expected {
        let facts = networks.facts(address.parse().unwrap());
        assert_eq!(facts, Facts { asn, as_name, country }, "{address}");
    }
}

fn some() -> Vec<(&'static str, Data)> {
    vec![
        ("0.0.0.0/24", ipinfo("AS1", "First", "US")),
        ("192.0.2.0/25", ipinfo("AS64500", "One", "DE")),
        ("192.0.2.128/32", ipinfo("AS64501", "Two", "IE")),
        ("255.255.255.0/24", ipinfo("AS4200000000", "Last", "FR")),
    ]
}

#[test]
fn every_size_of_records_and_both_kinds_of_trees_are_read() {
    let expected = [
        ("0.0.0.0", Some(1), Some("First"), Some("US")),
        ("0.0.1.0", None, None, None),
        ("192.0.1.255", None, None, None),
        ("192.0.2.0", Some(64_500), Some("One"), Some("DE")),
        ("::ffff:192.0.2.127", Some(64_500), Some("One"), Some("DE")),
        ("192.0.2.128", Some(64_501), Some("Two"), Some("IE")),
        ("192.0.2.129", None, None, None),
        ("255.255.255.255", Some(4_200_000_000), Some("Last"), Some("FR")),
    ];
    for (ip_version, record_bits) in [(4, 24), (4, 28), (4, 32), (6, 24), (6, 28), (6, 32)] {
        let written = Mmdb {
            ip_version,
            record_bits,
            ..Mmdb::new(some())
        };
        let networks = read(&written.bytes()).unwrap();
        check(&networks, &expected);
        assert_eq!((networks.systems(), networks.countries()), (4, 4));
        assert_eq!(networks.ranges(), (4, 0), "IPv{ip_version}, {record_bits} bits");
        assert_eq!(networks.day(), Some(Day(20_000)));
        assert_eq!(networks.source(), "Test-ASN: Networks");
    }
}

#[test]
fn ipv6_is_read_and_the_tree_of_ipv4_below_it_is_not() {
    let mut networks = some();
    networks.extend([
        ("2001:db8::/32", ipinfo("AS64500", "One", "DE")),
        ("2001:db9::/32", ipinfo("AS64500", "One", "DE")),
        // Finer than a /64: the first that has a value counts for all of it.
        ("2a00:0:0:1:8000::/66", ipinfo("AS64502", "Three", "IE")),
        ("2a00:0:0:1:c000::/66", ipinfo("AS64500", "One", "DE")),
        ("3fff:ffff:ffff:ffff::/64", ipinfo("AS64501", "Two", "IE")),
        ("fd00::/8", ipinfo("AS64501", "Two", "IE")),
    ]);
    let written = Mmdb {
        aliases: vec!["2002::/16", "::ffff:0:0/96"],
        ..Mmdb::new(networks)
    };
    let networks = read(&written.bytes()).unwrap();
    check(
        &networks,
        &[
            ("192.0.2.1", Some(64_500), Some("One"), Some("DE")),
            ("2001:db7:ffff::", None, None, None),
            ("2001:db8::1", Some(64_500), Some("One"), Some("DE")),
            ("2001:db9:ffff::1", Some(64_500), Some("One"), Some("DE")),
            ("2001:dba::1", None, None, None),
            ("2002:c000:201::", None, None, None),
            ("2a00::", None, None, None),
            ("2a00:0:0:1::", Some(64_502), Some("Three"), Some("IE")),
            ("2a00:0:0:2::", None, None, None),
            ("3fff:ffff:ffff:ffff::", Some(64_501), Some("Two"), Some("IE")),
            ("4000::", None, None, None),
            ("fd00::1", None, None, None),
        ],
    );
    assert_eq!(networks.ranges(), (4, 3), "neighbours of one AS are one range");
}

#[test]
fn the_fields_of_ipinfo_maxmind_and_db_ip_are_known() {
    let dbip = Data::Map(vec![
        ("autonomous_system_number", Data::Number(64_503, 4)),
        ("country", Data::Map(vec![("iso_code", Data::Text("NL"))])),
        ("autonomous_system_organization", Data::Text("Four\u{202e}")),
    ]);
    let moved = Data::Map(vec![
        ("registered_country", country("IE")),
        ("country", country("DE")),
        ("autonomous_system_number", Data::Number(64_504, 4)),
    ]);
    let of_a_day = Data::Map(vec![("asn", Data::Text("64505")), ("country", Data::Text("AT"))]);
    let odd = Data::Map(vec![
        ("asn", Data::Text("AS99999999999")),
        ("as_name", Data::List(vec![])),
        ("country_code", Data::Text("de")),
    ]);
    let written = Mmdb::new(vec![
        ("192.0.2.0/28", ipinfo("AS64500", "One", "DE")),
        ("192.0.2.16/28", maxmind(64_501, "Two")),
        ("192.0.2.32/28", dbip),
        ("192.0.2.48/28", moved),
        ("192.0.2.64/28", of_a_day),
        ("192.0.2.80/28", odd),
        ("192.0.2.96/28", maxmind(64_504, "A name at last")),
    ]);
    let long: &'static str = "é".repeat(200).leak();
    let mut with_long = written.clone();
    with_long.networks.push(("192.0.2.112/28", maxmind(64_506, long)));
    check(
        &read(&with_long.bytes()).unwrap(),
        &[
            ("192.0.2.1", Some(64_500), Some("One"), Some("DE")),
            ("192.0.2.17", Some(64_501), Some("Two"), None),
            ("192.0.2.33", Some(64_503), Some("Four"), Some("NL")),
            ("192.0.2.49", Some(64_504), Some("A name at last"), Some("IE")),
            ("192.0.2.65", Some(64_505), None, Some("AT")),
            ("192.0.2.81", None, None, None),
            ("192.0.2.97", Some(64_504), Some("A name at last"), None),
            ("192.0.2.113", Some(64_506), Some(&long[..100]), None),
        ],
    );
    let countries_only = Mmdb::new(vec![("192.0.2.0/24", Data::Map(vec![("country", country("DE"))]))]);
    assert_eq!(read(&countries_only.bytes()), Err(NetworksError::NoSystems));
}

/// Both records of each node are the next node, so that there are 2^depth networks.
fn shared(depth: u32, ip_version: u64) -> Vec<u8> {
    let tree: Vec<u8> = (1..=depth).flat_map(|next| put_node(24, next, next)).collect();
    file(&tree, &[], &metadata(depth.into(), 24, ip_version, 0))
}

#[test]
fn a_file_cannot_take_more_steps_than_there_are() {
    assert_eq!(
        read(&shared(16, 4)),
        Err(NetworksError::NoSystems),
        "the control: 2^17 steps"
    );
    assert_eq!(read(&shared(18, 4)), Err(NetworksError::TooLong));
    assert_eq!(read(&shared(32, 4)), Err(NetworksError::TooLong));
    assert_eq!(read(&shared(128, 6)), Err(NetworksError::TooLong));
    // A node that is below itself is deeper than any address.
    let cycle = file(&put_node(24, 0, 0), &[], &metadata(1, 24, 6, 0));
    assert_eq!(read(&cycle), Err(NetworksError::Damaged("tree")));

    let with = |value: Vec<u8>| read(&Mmdb::new(vec![("192.0.2.0/24", Data::Raw(value))]).bytes());
    let head = |kind: u8| vec![kind << 5 | 31, 0xff, 0xff, 0xff];
    let lists = [31, 4, 0xff, 0xff, 0xff].repeat(1_000);
    assert_eq!(
        with(head(7)),
        Err(NetworksError::Damaged("values")),
        "16 million fields"
    );
    let nested = [vec![0xe1, 0x41, b'x'], lists].concat();
    assert_eq!(with(nested), Err(NetworksError::Damaged("values")), "lists in lists");
    let many = [vec![0xe1, 0x41, b'x', 31, 4, 0xff, 0xff, 0xff], [0xa0].repeat(300_000)].concat();
    assert_eq!(with(many), Err(NetworksError::TooLong), "numbers without bytes");
    // Maps in maps: one inside the other, 20,000 deep.
    let deep = [[0xe1, 0x41, b'x'].repeat(20_000), vec![0xe0]].concat();
    assert_eq!(with(deep), Err(NetworksError::NoSystems));
}

#[test]
fn pointers_lead_to_values_and_not_around() {
    let name = [0x43, b'O', b'n', b'e'];
    let asn = |pointer: &[u8]| {
        let mut value = Vec::new();
        put(&mut value, &Data::Raw(vec![0xe2]));
        put(&mut value, &Data::Text("asn"));
        put(&mut value, &Data::Number(64_500, 4));
        put(&mut value, &Data::Text("as_name"));
        value.extend_from_slice(pointer);
        value
    };
    let at = asn(&[]).len() as u8;
    let values = [asn(&[0x20, at + 2]), name.to_vec()].concat();
    let with = |values: Vec<u8>| read(&Mmdb::new(vec![("192.0.2.0/24", Data::Raw(values))]).bytes());
    check(
        &with(values).unwrap(),
        &[("192.0.2.1", Some(64_500), Some("One"), None)],
    );
    for pointer in [
        // To itself, in two forms; behind the end; without an end.
        vec![0x20, at],
        vec![0x38, 0, 0, 0, at],
        vec![0x20, 0xff],
        vec![0x38, 0xff, 0xff, 0xff, 0xff],
        vec![0x28, 0xff, 0xff],
        vec![0x30, 0xff, 0xff, 0xff],
        vec![0x30],
    ] {
        assert_eq!(
            with(asn(&pointer)),
            Err(NetworksError::Damaged("values")),
            "{pointer:x?}"
        );
    }
}

#[test]
fn a_table_does_not_outgrow_its_limits() {
    let network = |nth: usize| -> &'static str { format!("10.0.{nth}.0/24").leak() };
    let name = |nth: usize| -> &'static str { format!("AS{}", nth + 1).leak() };
    let with = |count: usize| {
        let networks = (0..count).map(|nth| (network(nth), ipinfo(name(nth), "x", "DE")));
        Mmdb::new(networks.collect()).bytes()
    };
    assert_eq!(read(&with(100)).unwrap().systems(), 100);
    assert_eq!(read(&with(101)), Err(NetworksError::TooLarge));
    let few = |bounds_max| Networks::from_mmdb(&with(10), MmdbLimits { bounds_max, ..LIMITS });
    // Ten AS and the end of the last; a country and its end.
    assert_eq!(few(13).unwrap().ranges(), (10, 0));
    assert_eq!(few(12), Err(NetworksError::TooLarge));
}

#[test]
fn a_damaged_file_is_refused() {
    let whole = Mmdb::new(some()).bytes();
    assert!(read(&whole).is_ok(), "the control");
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
    assert_eq!(read(b"nothing"), Err(NetworksError::OtherFile));
    for (record_bits, ip_version) in [(16, 4), (0, 4), (u64::MAX, 4), (24, 5)] {
        let other = file(&[0; 64], &[], &metadata(1, record_bits, ip_version, 0));
        assert_eq!(read(&other), Err(NetworksError::Unsupported));
    }
    let more_nodes = file(&[0; 64], &[], &metadata(u32::MAX.into(), 24, 4, 0));
    assert_eq!(read(&more_nodes), Err(NetworksError::Damaged("tree")));
    let into_the_gap = file(&put_node(24, 2, 2), &[], &metadata(1, 24, 4, 0));
    assert_eq!(read(&into_the_gap), Err(NetworksError::Damaged("tree")));
    assert_eq!(Networks::from_file(&whole).unwrap(), read(&whole).unwrap());
    assert_eq!(Networks::from_file(b""), Err(NetworksError::OtherFile));
}

proptest! {
    #[test]
    fn any_change_is_read_or_refused(at in 0_usize..2_000, byte: u8, more in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = Mmdb::new(some()).bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(networks) = read(&bytes) {
            networks.facts(IpAddr::from([192, 0, 2, 1]));
        }
        bytes.splice(at..at, more);
        let _ = read(&bytes);
    }
}
