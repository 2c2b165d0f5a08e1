//! A name server on the loopback, with zones that the test edits.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use mail_auth::hickory_resolver::proto::op::{Message, Metadata, OpCode, ResponseCode};
use mail_auth::hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, TXT};
use mail_auth::hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tallymark::ingest::{Authenticator, AuthenticatorOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Longest answer over UDP; RFC 9715 has 1,232 with the header.
const UDP_BYTES_MAX: usize = 1_200;
const TTL: u32 = 60;

/// What a name has.
#[derive(Debug, Clone)]
pub enum Has {
    Text(String),
    Address(Ipv4Addr),
    Address6(Ipv6Addr),
    Mx(String),
    Ptr(String),
    /// SERVFAIL to whatever is asked about it.
    Failure,
    /// No answer to whatever is asked about it.
    Silence,
}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub struct Dns {
    pub address: SocketAddr,
    zone: Arc<Mutex<BTreeMap<String, Vec<Has>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dns {
    /// Checks mail with this server's answers.
    pub fn authenticator(&self) -> Authenticator {
        let options = AuthenticatorOptions {
            servers: vec![self.address],
            ..AuthenticatorOptions::default()
        };
        Authenticator::new(options).unwrap()
    }

    pub async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // Another process may have the port for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let dns = Self {
            address: udp.local_addr().unwrap(),
            zone: Arc::default(),
            asked: Arc::default(),
        };
        tokio::spawn(dns.clone().serve_udp(udp));
        tokio::spawn(dns.clone().serve_tcp(tcp));
        dns
    }

    pub fn add(&self, name: &str, has: Has) {
        let name = format!("{}.", name.to_lowercase());
        self.zone.lock().unwrap().entry(name).or_default().push(has);
    }

    pub fn text(&self, name: &str, text: &str) {
        self.add(name, Has::Text(text.to_owned()));
    }

    pub fn clear(&self, name: &str) {
        self.zone.lock().unwrap().remove(&format!("{}.", name.to_lowercase()));
    }

    /// Names asked for so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn serve_udp(self, socket: UdpSocket) {
        let mut buffer = [0; 4_096];
        while let Ok((len, peer)) = socket.recv_from(&mut buffer).await {
            let Some(answer) = self.answer(&buffer[..len]) else {
                continue;
            };
            let mut bytes = answer.to_vec().unwrap();
            if bytes.len() > UDP_BYTES_MAX {
                bytes = answer.truncate().to_vec().unwrap();
            }
            socket.send_to(&bytes, peer).await.unwrap();
        }
    }

    async fn serve_tcp(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve_stream(stream));
        }
    }

    async fn serve_stream(self, mut stream: TcpStream) {
        while let Ok(len) = stream.read_u16().await {
            let mut question = vec![0; len.into()];
            stream.read_exact(&mut question).await.unwrap();
            if let Some(answer) = self.answer(&question) {
                let bytes = answer.to_vec().unwrap();
                stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
            }
        }
    }

    fn answer(&self, question: &[u8]) -> Option<Message> {
        let asked = Message::from_vec(question).unwrap();
        let query = asked.queries[0].clone();
        let name = query.name().to_lowercase().to_string();
        self.asked
            .lock()
            .unwrap()
            .push(format!("{name} {}", query.query_type()));
        let mut answer = Message::response(asked.metadata.id, OpCode::Query);
        answer.metadata = Metadata::response_from_request(&asked.metadata);
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        let zone = self.zone.lock().unwrap();
        let Some(all) = zone.get(&name) else {
            answer.metadata.response_code = ResponseCode::NXDomain;
            return Some(answer);
        };
        for has in all {
            let data = match has {
                Has::Silence => return None,
                Has::Failure => {
                    answer.metadata.response_code = ResponseCode::ServFail;
                    return Some(answer);
                }
                Has::Text(text) => {
                    let pieces = text.as_bytes().chunks(255);
                    let pieces = pieces.map(|piece| String::from_utf8(piece.to_vec()).unwrap());
                    RData::TXT(TXT::new(pieces.collect()))
                }
                Has::Address(address) => RData::A(A(*address)),
                Has::Address6(address) => RData::AAAA(AAAA(*address)),
                Has::Mx(host) => RData::MX(MX::new(10, fqdn(host))),
                Has::Ptr(host) => RData::PTR(PTR(fqdn(host))),
            };
            if data.record_type() == query.query_type() || query.query_type() == RecordType::ANY {
                answer.add_answer(Record::from_rdata(query.name().clone(), TTL, data));
            }
        }
        Some(answer)
    }
}

fn fqdn(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap()
}
