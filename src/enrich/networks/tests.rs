use std::collections::BTreeMap;

use proptest::prelude::*;

use super::encoding::{self, MAGIC};
use super::*;
use crate::base::Day;

fn made(files: &[(&str, &str)]) -> Result<Networks, MakeError> {
    let from = MadeFrom {
        files: files.iter().map(|(name, text)| ((*name).to_owned(), *text)).collect(),
        source: "a test".to_owned(),
        day: Day(20_000),
    };
    make_networks(&from).map(|bytes| Networks::read(&bytes).unwrap())
}

const COUNTRIES: (&str, &str) = (
    "countries.csv",
    "192.0.2.0,192.0.2.255,DE\n2001:db8::,2001:db8:1::,IE\n",
);

#[test]
fn a_table_gives_back_what_it_was_made_from() {
    let systems = "192.0.2.0,192.0.2.127,64500,\"One, \"\"Two\"\" Ltd\"\n192.0.2.128,192.0.2.255,64501,Deux\u{1b}\n\
        2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,4200000000,Six\n255.255.255.0,255.255.255.255,64500,x\n";
    let networks = made(&[("as.csv", systems), COUNTRIES]).unwrap();
    for (address, asn, as_name, country) in [
        ("192.0.2.0", Some(64_500), Some("One, \"Two\" Ltd"), Some("DE")),
        ("192.0.2.127", Some(64_500), Some("One, \"Two\" Ltd"), Some("DE")),
        ("::ffff:192.0.2.128", Some(64_501), Some("Deux"), Some("DE")),
        ("192.0.1.255", None, None, None),
        ("192.0.3.0", None, None, None),
        ("0.0.0.0", None, None, None),
        ("255.255.255.255", Some(64_500), Some("One, \"Two\" Ltd"), None),
        ("2001:db8::1", Some(4_200_000_000), Some("Six"), Some("IE")),
        ("2001:db8:1::ffff", None, None, Some("IE")),
        ("2001:db7:ffff::", None, None, None),
        ("ffff::1", None, None, None),
    ] {
        let facts = Facts { asn, as_name, country };
        assert_eq!(networks.facts(address.parse().unwrap()), facts, "{address}");
    }
    assert_eq!(
        (networks.systems(), networks.countries(), networks.ranges()),
        (3, 2, (3, 1))
    );
    assert_eq!((networks.day(), networks.source()), (Some(Day(20_000)), "a test"));
    let swapped = made(&[COUNTRIES, ("as.csv", systems)]).unwrap();
    assert_eq!(swapped, networks, "the order of the files does not matter");
}

#[test]
fn a_wrong_line_is_named() {
    for (line, what) in [
        ("192.0.2.0", "fewer than three columns"),
        ("192.0.2.0,192.0.2.9", "fewer than three columns"),
        ("3221225984,3221226239,64500,One", "two addresses"),
        ("192.0.2.9,192.0.2.0,64500,One", "ends before it begins"),
        ("192.0.2.9,::1,64500,One", "two kinds"),
        ("192.0.2.0,192.0.2.9,one,One", "no AS number"),
        ("192.0.2.0,192.0.2.9,4294967296,One", "no AS number"),
        ("192.0.2.0,192.0.2.9,de", "country code"),
        ("192.0.2.0,192.0.2.9,DEU", "country code"),
    ] {
        let text = format!("192.0.2.0,192.0.2.9,64500,One\n\n{line}\n");
        let error = made(&[("as.csv", &text), COUNTRIES]).unwrap_err().to_string();
        assert!(
            error.starts_with("as.csv, line 3: ") && error.contains(what),
            "{line}: {error}"
        );
    }
    assert_eq!(made(&[COUNTRIES]), Err(MakeError::NoSystems));
    assert_eq!(
        made(&[("as.csv", "192.0.2.0,192.0.2.9,64500,One")]),
        Err(MakeError::NoCountries)
    );
}

#[test]
fn damaged_bytes_are_refused() {
    assert_eq!(Networks::read(b"TMNETS2\n"), Err(NetworksError::OtherFile));
    assert_eq!(Networks::read(b""), Err(NetworksError::OtherFile));
    assert_eq!(Networks::read(MAGIC), Err(NetworksError::Damaged("head")));
    let from = MadeFrom {
        files: vec![
            ("a".to_owned(), COUNTRIES.1),
            ("b".to_owned(), "192.0.2.0,192.0.2.9,64500,One"),
        ],
        source: String::new(),
        day: Day(1),
    };
    let whole = make_networks(&from).unwrap();
    assert!(Networks::read(&whole).is_ok(), "the control");
    for length in MAGIC.len()..whole.len() {
        assert!(
            Networks::read(&whole[..length]).is_err(),
            "{length} of {} bytes",
            whole.len()
        );
    }
}

/// Keys around a few networks, so that ranges touch, overlap and repeat.
fn ranges() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
    let range = (0_u32..4_000, 0_u32..60, 1_u32..6);
    let place = |(start, length, asn)| (0xc000_ff00 + start, 0xc000_ff00 + start + length, asn);
    proptest::collection::vec(range.prop_map(place), 1..40)
}

proptest! {
    #[test]
    fn every_key_has_the_value_of_the_first_range_that_holds_it(mut rows in ranges()) {
        let line = |(first, last, asn): &(u32, u32, u32)| {
            format!("{},{},{asn},AS {asn}\n", std::net::Ipv4Addr::from(*first), std::net::Ipv4Addr::from(*last))
        };
        let text: String = rows.iter().map(line).collect();
        let networks = made(&[("as.csv", &text), COUNTRIES]).unwrap();
        rows.sort_unstable();
        let mut expected = BTreeMap::new();
        for (first, last, asn) in rows {
            (first..=last).for_each(|key| _ = expected.entry(key).or_insert(asn));
        }
        for key in 0xc000_fe00..0xc001_1000_u32 {
            let found = networks.facts(std::net::Ipv4Addr::from(key).into());
            prop_assert_eq!(found.asn, expected.get(&key).copied(), "{}", key);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Networks::read(&bytes);
        let _ = Networks::read(&[MAGIC, &bytes].concat());
        // Behind the compression, too.
        let _ = Networks::read(&[MAGIC, &[1, 0], &encoding::deflate(&bytes)].concat());
    }
}

#[cfg(feature = "networks")]
#[test]
fn the_compiled_in_table_knows_these_addresses() {
    let networks = Networks::built_in();
    for (address, asn) in [
        ("8.8.8.8", Some(15_169)),
        ("2a00:1450:4864:20::32b", Some(15_169)),
        ("40.107.0.1", Some(8_075)),
        ("54.240.0.1", Some(16_509)),
        ("54.240.8.1", Some(14_618)),
        ("167.89.0.1", Some(11_377)),
        ("192.0.2.1", None),
        ("10.0.0.1", None),
        ("::1", None),
        ("2001:db8::1", None),
    ] {
        let facts = networks.facts(address.parse().unwrap());
        assert_eq!(facts.asn, asn, "{address}: {facts:?}");
        assert_eq!(facts.as_name.is_some(), asn.is_some(), "{address}: {facts:?}");
    }
    assert_eq!(networks.facts("8.8.8.8".parse().unwrap()).country, Some("US"));
    assert!(networks.systems() > 80_000 && networks.countries() > 200);
    let mebibytes = networks.bytes() / (1024 * 1024);
    assert!((7..=15).contains(&mebibytes), "{mebibytes} MiB in memory");
}

#[cfg(feature = "networks")]
#[test]
fn the_compiled_in_table_is_the_one_that_its_note_describes() {
    use sha2::{Digest as _, Sha256};
    let bytes = table::BUILT_IN.unwrap();
    assert!(bytes.len() < 3_000_000, "{} bytes", bytes.len());
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let note = include_str!("../../../data/README.md");
    assert!(note.contains(&digest), "data/README.md does not name {digest}");
    let day = Networks::built_in().day().unwrap().to_string();
    assert!(note.contains(&day), "data/README.md does not name {day}");
}
