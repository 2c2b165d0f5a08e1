//! What customers' URLs may make the program connect to: receivers on this machine count who comes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tallymark::dns::{Dns, DnsOptions};
use tallymark::outbound::{Client, ExchangeError, Guard, OutboundSettings, Post, Refusal, Url, connector};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::provenance::dns::{Dns as NameServer, Has};

/// What a receiver does after it has read a request.
#[derive(Clone, Copy)]
enum Does {
    Answer(&'static str),
    /// Sends a body without an end, as fast as it is read.
    Floods,
    /// Sends a byte of a body, and then nothing.
    Stalls,
    /// Says nothing.
    Hangs,
    /// Sends a header without an end.
    FloodsHead,
}

/// Listens, and counts connections.
struct Receiver {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    async fn start(address: &str, does: Does) -> Self {
        Self::on(TcpListener::bind(address).await.unwrap(), does)
    }

    fn on(listener: TcpListener, does: Does) -> Self {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, does));
            }
        });
        Self { address, connections }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, does: Does) {
    let mut head = [0; 4_096];
    if !matches!(stream.read(&mut head).await, Ok(1..)) {
        return;
    }
    let endless: &[u8] = match does {
        Does::Answer(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
            return;
        }
        Does::Floods => b"HTTP/1.1 200 OK\r\n\r\n",
        Does::FloodsHead => b"HTTP/1.1 200 OK\r\nx: ",
        Does::Stalls => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
        Does::Hangs => b"",
    };
    let _ = stream.write_all(endless).await;
    if matches!(does, Does::Floods | Does::FloodsHead) {
        while stream.write_all(&[b'a'; 16_384]).await.is_ok() {}
    }
    // Until the other side has gone.
    while matches!(stream.read(&mut head).await, Ok(1..)) {}
}

fn client(settings: OutboundSettings, names: &NameServer) -> Client {
    let dns = Dns::new(&DnsOptions {
        servers: vec![names.address],
        ..DnsOptions::default()
    });
    Client::for_customers(connector(None).unwrap(), Guard::new(settings, Some(dns.unwrap())))
}

fn hello() -> Post {
    Post {
        headers: Vec::new(),
        content_type: "application/json",
        body: "{}".to_owned(),
    }
}

/// As little as can be forbidden: only the addresses stand in the way.
fn permissive(port: u16) -> OutboundSettings {
    OutboundSettings {
        ports: vec![port],
        allow_http: true,
        exchange_time_max: Duration::from_millis(1_500),
        answer_bytes_max: 1_000,
        ..OutboundSettings::default()
    }
}

/// What follows the scheme. `P` is the port of the receivers.
const HOSTILE: &[&str] = &[
    // Loopback in all spellings.
    "127.0.0.1:P/",
    "127.0.0.2:P/",
    "127.255.255.254:P/",
    "127.1:P/",
    "127.0.1:P/",
    "127.0.0.1.:P/",
    "127.000.000.001:P/",
    "0177.0.0.1:P/",
    "0177.0.0.01:P/",
    "00000177.0.0.1:P/",
    "017700000001:P/",
    "0x7f.0.0.1:P/",
    "0x7f.1:P/",
    "0X7F000001:P/",
    "0x7f000001:P/",
    "2130706433:P/",
    "4425673729:P/",
    "0:P/",
    "0.0.0.0:P/",
    "0.1.2.3:P/",
    "0x0:P/",
    "[::]:P/",
    "[::1]:P/",
    "[0:0:0:0:0:0:0:1]:P/",
    "[0000:0000:0000:0000:0000:0000:0000:0001]:P/",
    "[::127.0.0.1]:P/",
    "[::7f00:1]:P/",
    "[::ffff:127.0.0.1]:P/",
    "[::ffff:7f00:1]:P/",
    "[0:0:0:0:0:ffff:7f00:1]:P/",
    "[::ffff:0:127.0.0.1]:P/",
    "[64:ff9b::7f00:1]:P/",
    "[64:ff9b::127.0.0.1]:P/",
    "[64:ff9b:1::7f00:1]:P/",
    "[2002:7f00:1::]:P/",
    "[2001:0:7f00:1::1]:P/",
    "[::1%25lo]:P/",
    "[::1%lo]:P/",
    "localhost:P/",
    "LOCALHOST:P/",
    "localhost.:P/",
    "a.localhost:P/",
    // Neighbours and metadata.
    "169.254.169.254:P/latest/meta-data/",
    "[fe80::1]:P/",
    "[fd00:ec2::254]:P/latest/meta-data/",
    "100.100.100.200:P/",
    "10.0.0.1:P/",
    "172.16.0.1:P/",
    "192.168.0.1:P/",
    "224.0.0.1:P/",
    "255.255.255.255:P/",
    // Names.
    "loopback.test:P/",
    "one-of-two.test:P/",
    "metadata.test:P/",
    "missing.test:P/",
    "broken.test:P/",
    "127.0.0.1.loopback.test:P/",
    // What readers of URLs disagree about.
    "user@127.0.0.1:P/",
    "user:password@loopback.test:P/",
    "1.1.1.1:443@127.0.0.1:P/",
    "127.0.0.1:P#@1.1.1.1/",
    "127.0.0.1:P\\@1.1.1.1/",
    "\u{ff11}\u{ff12}\u{ff17}.0.0.1:P/",
    "127\u{3002}0\u{3002}0\u{3002}1:P/",
    "\u{24db}ocalhost:P/",
    "%31%32%37.0.0.1:P/",
    "127.0.0.1:P\r\nHost: x/",
    " 127.0.0.1:P/",
];

async fn names() -> NameServer {
    let names = NameServer::start().await;
    let address = |name: &str, address: &str| names.add(name, Has::Address(address.parse().unwrap()));
    address("loopback.test", "127.0.0.1");
    address("127.0.0.1.loopback.test", "127.0.0.1");
    // The public one is never connected to: one bad address refuses the name.
    address("one-of-two.test", "192.0.43.8");
    address("one-of-two.test", "127.0.0.1");
    address("metadata.test", "169.254.169.254");
    names.add("broken.test", Has::Failure);
    names
}

/// Receivers of one port on every loopback address.
async fn receivers() -> Vec<Receiver> {
    let answer = Does::Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let all = TcpListener::bind("[::]:0").await.unwrap();
    let port = all.local_addr().unwrap().port();
    let mut receivers = vec![Receiver::on(all, answer)];
    // Where `[::]` does not take IPv4, it has a listener of its own.
    if let Ok(v4) = TcpListener::bind(("0.0.0.0", port)).await {
        receivers.push(Receiver::on(v4, answer));
    }
    receivers
}

#[tokio::test]
async fn no_hostile_url_makes_a_connection() {
    let (names, receivers) = (names().await, receivers().await);
    let port = receivers[0].address.port();
    let client = client(permissive(port), &names);
    assert!(HOSTILE.len() >= 60);
    for hostile in HOSTILE {
        for scheme in ["http", "https"] {
            let text = format!("{scheme}://{}", hostile.replace(":P", &format!(":{port}")));
            let Ok(url) = Url::parse(&text) else { continue };
            let refused = client.post(&url, hello()).await;
            assert!(matches!(refused, Err(ExchangeError::Refused(_))), "{text}: {refused:?}");
        }
    }
    let connections: usize = receivers.iter().map(Receiver::count).sum();
    assert_eq!(connections, 0);

    // The control: the same addresses are reached when the operator allows them.
    let allowed = OutboundSettings {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        ..permissive(port)
    };
    let client = self::client(allowed, &names);
    let reached = ["127.0.0.1", "127.0.0.2", "[::1]", "loopback.test"];
    for host in reached {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        assert_eq!(client.post(&url, hello()).await.unwrap().status, 200, "{host}");
    }
    let connections: usize = receivers.iter().map(Receiver::count).sum();
    assert_eq!(connections, reached.len());
}

#[tokio::test]
async fn ports_and_schemes_are_the_operators_to_allow() {
    let (names, receivers) = (names().await, receivers().await);
    let port = receivers[0].address.port();
    let allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    let settings = OutboundSettings {
        allow_networks,
        ..permissive(port)
    };
    let odd_port = OutboundSettings {
        ports: vec![],
        ..settings.clone()
    };
    let plain = OutboundSettings {
        allow_http: false,
        ..settings.clone()
    };
    for (settings, expect) in [(odd_port, Refusal::Port(port)), (plain, Refusal::NotProtected)] {
        let refused = client(settings, &names).post(&url, hello()).await;
        assert!(matches!(refused, Err(ExchangeError::Refused(refusal)) if refusal == expect));
    }
    assert_eq!(receivers.iter().map(Receiver::count).sum::<usize>(), 0);
    assert!(
        client(settings, &names).post(&url, hello()).await.is_ok(),
        "the control"
    );
}

/// The name is asked for once: an answer that changes afterwards changes nothing.
#[tokio::test]
async fn a_name_that_is_bound_again_leads_nowhere_new() {
    let names = NameServer::start().await;
    let ok = Does::Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let good = Receiver::start("127.0.0.2:0", ok).await;
    let port = good.address.port();
    let bad = Receiver::start(&format!("127.0.0.1:{port}"), ok).await;
    let settings = OutboundSettings {
        allow_networks: vec!["127.0.0.2".parse().unwrap()],
        ..permissive(port)
    };
    let client = client(settings, &names);
    let url = Url::parse(&format!("http://rebinding.test:{port}/")).unwrap();
    names.add("rebinding.test", Has::Address("127.0.0.2".parse().unwrap()));
    assert_eq!(client.post(&url, hello()).await.unwrap().status, 200);
    let asked = names.asked();
    let of_a = asked.iter().filter(|asked| asked.ends_with(" A")).count();
    assert_eq!(of_a, 1, "{asked:?}");
    names.clear("rebinding.test");
    names.add("rebinding.test", Has::Address("127.0.0.1".parse().unwrap()));
    assert!(matches!(
        client.post(&url, hello()).await,
        Err(ExchangeError::Refused(_))
    ));
    assert_eq!((good.count(), bad.count()), (1, 0));
}

#[tokio::test]
async fn answers_end_in_time_and_within_their_limit() {
    let names = NameServer::start().await;
    let elsewhere = Receiver::start("127.0.0.1:0", Does::Hangs).await;
    let away: &'static str = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address
    )
    .leak();
    for (does, expect) in [
        (Does::Answer(away), Some((307, 0))),
        (
            Does::Answer("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"),
            Some((429, 2)),
        ),
        (Does::Floods, Some((200, 1_000))),
        (Does::Stalls, Some((200, 1))),
        (Does::Hangs, None),
        (Does::FloodsHead, None),
        (Does::Answer("no HTTP\r\n\r\n"), None),
        (Does::Answer(""), None),
    ] {
        let receiver = Receiver::start("127.0.0.1:0", does).await;
        let port = receiver.address.port();
        let settings = OutboundSettings {
            allow_networks: vec!["127.0.0.1".parse().unwrap()],
            ..permissive(port)
        };
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        let client = client(settings, &names);
        let answered = tokio::time::timeout(Duration::from_secs(20), client.post(&url, hello()));
        let answered = answered.await.expect("it ends by itself");
        let found = answered.as_ref().ok().map(|answer| (answer.status, answer.body.len()));
        assert_eq!(found, expect, "{answered:?}");
        if let Ok(answer) = answered {
            let expect = (answer.status == 429).then(|| Duration::from_secs(7));
            assert_eq!(answer.retry_after, expect);
        }
    }
    assert_eq!(elsewhere.count(), 0, "no redirect is followed");
}
