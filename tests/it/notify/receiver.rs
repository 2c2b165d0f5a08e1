//! A receiver of webhooks on this machine: it keeps what comes, and answers as the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What is done with a request after it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A status, and further header lines.
    Status(u16, &'static str),
    /// A status, and a body of its own.
    Says(u16, &'static str),
    /// Says nothing until the test ends.
    Hang,
    /// Closes the connection.
    Reset,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// What was done with it.
    pub reply: Reply,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The id of the event.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// Ends with the test's runtime.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    news: Arc<Notify>,
}

impl Receiver {
    /// Answers the requests in this order, the last reply repeatedly.
    pub async fn start(replies: &[Reply]) -> Self {
        let mut replies = replies.to_vec();
        Self::start_with(move |_| {
            if replies.len() > 1 {
                replies.remove(0)
            } else {
                replies[0]
            }
        })
        .await
    }

    /// Answers each request as `reply` says.
    pub async fn start_with(reply: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            news: Arc::default(),
        };
        let (reply, serving) = (Arc::new(Mutex::new(reply)), receiver.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, reply) = (serving.clone(), Arc::clone(&reply));
                tokio::spawn(serving.serve(stream, move |received| (reply.lock().unwrap())(received)));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until `count` requests have come.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let news = self.news.notified();
            if self.received.lock().unwrap().len() >= count {
                return;
            }
            news.await;
        }
    }

    async fn serve(self, stream: TcpStream, reply: impl FnOnce(&Received) -> Reply) {
        let mut stream = BufReader::new(stream);
        let Some(mut received) = read(&mut stream).await else {
            return;
        };
        let reply = reply(&received);
        received.reply = reply;
        self.received.lock().unwrap().push(received);
        self.news.notify_waiters();
        match reply {
            Reply::Status(status, lines) => answer(stream, status, lines, "seen").await,
            Reply::Says(status, body) => answer(stream, status, "", body).await,
            Reply::Hang => std::future::pending().await,
            Reply::Reset => {}
        }
    }
}

async fn answer(mut stream: BufReader<TcpStream>, status: u16, lines: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} x\r\n{lines}Content-Length: {length}\r\n\r\n{body}");
    let _ = stream.get_mut().write_all(answer.as_bytes()).await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let (mut headers, mut first) = (Vec::new(), String::new());
    stream.read_line(&mut first).await.ok()?;
    let path = first
        .strip_prefix("POST ")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1\r\n"));
    let path = path.unwrap_or_else(|| panic!("{first} is not a POST")).to_owned();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")?
        .1
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Received {
        path,
        headers,
        body,
        reply: Reply::Reset,
    })
}
