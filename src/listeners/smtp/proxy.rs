//! The PROXY protocol, versions 1 and 2: the address of a client behind a load balancer.
//!
//! Only from networks that the configuration lists: the header says whatever its sender likes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What the beginning of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Not yet a whole header.
    Incomplete,
    /// A header and its length in bytes. Without a client it is the proxy's own connection, as for a health check.
    Whole {
        /// The client's address and port.
        client: Option<SocketAddr>,
        /// Bytes of the header.
        length: usize,
    },
    /// No header.
    Bad,
}

const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 1, 2.1: the longest line, with its CR LF.
const V1_BYTES_MAX: usize = 107;
/// Version 2: addresses and what else a proxy may add. The format allows 64 KiB, which is not needed here.
const V2_BYTES_MAX: usize = 4_096;

/// The longest header that is read.
pub const HEADER_BYTES_MAX: usize = 16 + V2_BYTES_MAX;

/// Reads a header off the beginning of a connection.
pub fn parse(bytes: &[u8]) -> Header {
    let common = bytes.len().min(V2.len());
    if bytes[..common] == V2[..common] {
        return parse_v2(bytes);
    }
    let start = b"PROXY ";
    let common = bytes.len().min(start.len());
    if bytes[..common] == start[..common] {
        parse_v1(bytes)
    } else {
        Header::Bad
    }
}

fn parse_v1(bytes: &[u8]) -> Header {
    let head = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() == V1_BYTES_MAX {
            Header::Bad
        } else {
            Header::Incomplete
        };
    };
    let length = end + 2;
    let Ok(line) = std::str::from_utf8(&head[..end]) else {
        return Header::Bad;
    };
    let words: Vec<_> = line.split(' ').collect();
    let client = match *words {
        ["PROXY", "UNKNOWN", ..] => return Header::Whole { client: None, length },
        ["PROXY", "TCP4", from, to, port, _] => address::<Ipv4Addr>(from, to, port),
        ["PROXY", "TCP6", from, to, port, _] => address::<Ipv6Addr>(from, to, port),
        _ => None,
    };
    client.map_or(Header::Bad, |client| Header::Whole {
        client: Some(client),
        length,
    })
}

fn address<A: FromStr + Into<IpAddr>>(from: &str, to: &str, port: &str) -> Option<SocketAddr> {
    let from: A = from.parse().ok()?;
    let _: A = to.parse().ok()?;
    Some(SocketAddr::new(from.into(), port.parse().ok()?))
}

fn parse_v2(bytes: &[u8]) -> Header {
    let Some(&[version, family, high, low]) = bytes.get(12..16).and_then(|head| head.first_chunk()) else {
        return Header::Incomplete;
    };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 2 || rest > V2_BYTES_MAX {
        return Header::Bad;
    }
    let length = 16 + rest;
    let Some(body) = bytes.get(16..length) else {
        return Header::Incomplete;
    };
    match (version & 0xf, family) {
        // LOCAL: the proxy itself. PROXY over anything but TCP: unknown to us.
        (0, _) | (1, 0x00) => Header::Whole { client: None, length },
        (1, 0x11) => whole::<4, 8>(body, length),
        (1, 0x21) => whole::<16, 32>(body, length),
        _ => Header::Bad,
    }
}

fn whole<const BYTES: usize, const PORT: usize>(body: &[u8], length: usize) -> Header
where
    IpAddr: From<[u8; BYTES]>,
{
    let (Some(address), Some(port)) = (body.first_chunk::<BYTES>(), body.get(PORT..PORT + 2)) else {
        return Header::Bad;
    };
    let client = SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes([port[0], port[1]]));
    Header::Whole {
        client: Some(client),
        length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], client: Option<&str>) {
        let expect = Header::Whole {
            client: client.map(|client| client.parse().unwrap()),
            length: bytes.len(),
        };
        for end in 0..bytes.len() {
            assert_eq!(
                parse(&bytes[..end]),
                Header::Incomplete,
                "{} cut at {end}",
                bytes.escape_ascii()
            );
        }
        assert_eq!(parse(&[bytes, b"EHLO"].concat()), expect, "{}", bytes.escape_ascii());
    }

    #[test]
    fn both_versions_are_read() {
        check(
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n",
            Some("192.0.2.1:56324"),
        );
        check(
            b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n",
            Some("[2001:db8::1]:56324"),
        );
        check(b"PROXY UNKNOWN what ever\r\n", None);
        let four = b"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x00\x19";
        check(&[&V2[..], b"\x21\x11\x00\x0c", four].concat(), Some("192.0.2.1:56324"));
        check(
            &[&V2[..], b"\x21\x11\x00\x0f", four, b"\x04\x00\x00"].concat(),
            Some("192.0.2.1:56324"),
        );
        check(&[&V2[..], b"\x20\x00\x00\x00"].concat(), None);
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0xdc, 4, 0, 25]].concat();
        check(
            &[&V2[..], b"\x21\x21\x00\x24", &six].concat(),
            Some("[2001:db8::1]:56324"),
        );
    }

    #[test]
    fn invalid_headers_are_refused() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
        let short = [&V2[..], b"\x21\x11\x00\x04abcd"].concat();
        let huge = [&V2[..], b"\x21\x11\xff\xff"].concat();
        for bytes in [
            &b"EHLO a\r\n"[..],
            b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 99999 25\r\n",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            &long,
            &short,
            &huge,
        ] {
            assert_eq!(parse(bytes), Header::Bad, "{}", bytes.escape_ascii());
        }
    }
}
