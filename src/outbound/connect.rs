//! A connection to a name that may have several addresses, some of them dead (RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// For the name and all addresses together.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);
/// For one address.
const ADDRESS_TIME_MAX: Duration = Duration::from_secs(10);
/// RFC 8305, 5: time without an answer before the next address is tried in parallel.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// Maximum number of addresses that are tried.
const ADDRESSES_MAX: usize = 16;

/// A connection, TLS or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// Connects to the first address that answers of a host that the operator named. The system resolves the name.
///
/// # Errors
/// That of the last address that failed; `TimedOut` if nothing answers in time.
pub async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let connecting = async {
        let addresses = tokio::net::lookup_host((host, port)).await?;
        connect_to(addresses.collect()).await
    };
    within(connecting).await
}

/// Connects to the first of these addresses that answers, and to no other.
///
/// # Errors
/// That of the last address that failed; `TimedOut` if nothing answers in time.
pub(super) async fn connect_to_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    within(connect_to(addresses)).await
}

async fn connect_to(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let stream = first_of(in_turn(addresses)).await?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn within(connecting: impl Future<Output = io::Result<TcpStream>>) -> io::Result<TcpStream> {
    match timeout(CONNECT_TIME_MAX, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(no_answer(CONNECT_TIME_MAX)),
    }
}

/// RFC 8305, 4: the families take turns, beginning with that of the first address.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let begins_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == begins_with_v6);
    let mut turns = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            turns.truncate(ADDRESSES_MAX);
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => trying.push(one(address)),
            None if trying.is_empty() => return Err(failed),
            None => {}
        }
        let has_more = waiting.len() > 0;
        tokio::select! {
            Some(tried) = trying.next(), if !trying.is_empty() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            },
            () = sleep(NEXT_AFTER), if has_more => {}
        }
    }
}

async fn one(address: SocketAddr) -> io::Result<TcpStream> {
    match timeout(ADDRESS_TIME_MAX, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}"))),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{address}: {}", no_answer(ADDRESS_TIME_MAX)),
        )),
    }
}

fn no_answer(time: Duration) -> io::Error {
    let why = format!("no answer in {} seconds", time.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn families_take_turns() {
        let addresses = |text: &[&str]| {
            text.iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let all = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"]);
        let expect = addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"]);
        assert_eq!(in_turn(all), expect);
        assert_eq!(in_turn(addresses(&["10.0.0.1:1"])), addresses(&["10.0.0.1:1"]));
    }

    /// A socket that takes no connection and refuses none, as long as what fills its queue is kept.
    async fn black_hole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let hole = socket.listen(1).unwrap();
        let address = hole.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        (address, hole, waiting)
    }

    #[tokio::test]
    async fn dead_addresses_are_passed_by() {
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive_at = alive.local_addr().unwrap();
        let (silent, _hole, _waiting) = black_hole().await;
        // Bound, and nothing listens.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refusing = socket.local_addr().unwrap();
        for before in [vec![silent], vec![refusing], vec![refusing, silent, silent, refusing]] {
            let all = before.iter().copied().chain([alive_at]).collect();
            let stream = timeout(Duration::from_secs(8), first_of(all)).await.unwrap().unwrap();
            assert_eq!(stream.peer_addr().unwrap(), alive_at, "{before:?}");
        }
        let error = first_of(vec![refusing]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&refusing.to_string()), "{error}");
        assert!(first_of(Vec::new()).await.is_err());
    }
}
