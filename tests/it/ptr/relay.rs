//! A relay before a name server that sees every question on the wire.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tallymark::base::clock::Clock;
use tokio::net::UdpSocket;

/// Longest question or answer.
const BYTES_MAX: usize = 4_096;

/// The relay. It ends with the test's runtime.
pub struct Relay {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Relay {
    pub async fn before(server: SocketAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let relay = Self {
            address: socket.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let (asked, clock) = (Arc::clone(&relay.asked), Clock::system());
        tokio::spawn(async move {
            let mut buffer = [0; BYTES_MAX];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer).await {
                asked.lock().unwrap().push((clock.monotonic(), name(&buffer[..len])));
                tokio::spawn(pass_on(buffer[..len].to_vec(), server, Arc::clone(&socket), peer));
            }
        });
        relay
    }

    /// The names that were asked for, in order, each with the time.
    pub fn asked(&self) -> Vec<(Duration, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// How many questions there were.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn pass_on(question: Vec<u8>, server: SocketAddr, back: Arc<UdpSocket>, peer: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question, server).await.unwrap();
    let mut answer = [0; BYTES_MAX];
    let len = socket.recv(&mut answer).await.unwrap();
    back.send_to(&answer[..len], peer).await.unwrap();
}

/// The name in a question (RFC 1035, 4.1.2), which follows a header of 12 bytes.
fn name(question: &[u8]) -> String {
    let (mut name, mut rest) = (String::new(), &question[12..]);
    while let Some((len, behind)) = rest.split_first().filter(|(len, _)| **len > 0) {
        let (label, behind) = behind.split_at(usize::from(*len));
        name += &String::from_utf8_lossy(label).to_lowercase();
        name.push('.');
        rest = behind;
    }
    name
}
