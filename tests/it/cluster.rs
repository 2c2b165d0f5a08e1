//! Several nodes, which are processes of the program, on one PostgreSQL; and what becomes of clients when either dies.

mod chaos;
mod faults;
mod outbox;

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cli::Home;
use crate::http::client::{Answer, Ask};
use crate::intake::{mail, xml_at};
use crate::postgres::{Durability, Server};

/// A client that is not answered by then gives up, and so does a test that nothing goes on in.
const PATIENCE: Duration = Duration::from_secs(10);
const STANDSTILL: Duration = Duration::from_secs(120);

/// A server, and what nodes on it are told.
pub struct Cluster {
    pub server: Server,
    /// The database, without the settings of its connections.
    pub database: String,
    /// Where the nodes' folders would be; and the commands run here.
    home: Home,
    url: String,
    /// Further settings of the nodes, as variables of their environment.
    settings: Vec<(&'static str, String)>,
    pub domain: String,
    /// Where reports about the domain are mailed to.
    address: String,
    pub key: String,
}

impl Cluster {
    /// A database with an account, a domain and a key; `options` are settings of every connection, as a URL has them.
    pub async fn start(durability: Durability, options: &str) -> Self {
        let server = Server::start(durability);
        let database = server.database().await;
        let url = format!("{}?{options}", server.tcp_url(&database));
        let mut cluster = Self {
            server,
            database,
            home: Home::new(),
            url,
            settings: Vec::new(),
            domain: String::new(),
            address: String::new(),
            key: String::new(),
        };
        cluster.run(&["accounts", "add", "default"]);
        cluster.run(&["domains", "add", "example.com"]);
        cluster.key = cluster.run(&["keys", "create", "--quiet"]).trim().to_owned();
        // It holds no lease that would outlive it.
        let node = cluster.node(&["--roles", "api"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let domains = node.get("/domains", &cluster.key).await.expect(200);
        cluster.domain = text(&domains["domains"][0]["id"]);
        let path = format!("/domains/{}", cluster.domain);
        cluster.address = text(&node.get(&path, &cluster.key).await.expect(200)["rua_address"]);
        node.kill();
        cluster
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
        command.current_dir(self.home.path()).args(arguments);
        command.env("TALLYMARK__DATABASE__URL", &self.url);
        command.env("TALLYMARK__HTTP__RATE_PER_SECOND", "0");
        command.env("TALLYMARK__PROVENANCE__CHECK", "false");
        command.env("TALLYMARK__INSTALLATION__RUA_HOST", "rua.tally.example");
        // The reports are about years ago, and their records are to be recounted all the same.
        command.env("TALLYMARK__RETENTION__RECORDS_DAYS", "100000");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed; gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?} {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Starts a node with these arguments of `serve`, and waits until it is ready.
    pub fn node(&self, arguments: &[&str]) -> Node {
        let log = self.home.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut listens = |protocol: &str| {
            let prefix = format!("Listening on {protocol}://");
            let address = lines.find_map(|line| line.unwrap().strip_prefix(&prefix)?.parse().ok());
            address.unwrap_or_else(|| panic!("a node did not start: {}", self.log()))
        };
        Node {
            http: listens("http"),
            smtp: arguments.contains(&"--smtp").then(|| listens("smtp")),
            child,
        }
    }

    /// What all nodes logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Hands the `nth` report in through the API.
    pub async fn upload(&self, node: SocketAddr, nth: u64) -> Option<Answer> {
        let path = format!("/domains/{}/dmarc/reports", self.domain);
        let ask = Ask::new("POST", &path)
            .key(&self.key)
            .body("message/rfc822", report_mail(nth));
        let sent = tokio::time::timeout(PATIENCE, ask.try_send(node)).await;
        sent.ok()?.ok()
    }

    /// Mails the `nth` report; gives the last reply's code, which is 250 if it was taken.
    pub async fn mail(&self, node: SocketAddr, nth: u64) -> Option<u16> {
        let mailed = tokio::time::timeout(PATIENCE, self.converse(node, nth)).await;
        mailed.ok()?.ok()
    }

    async fn converse(&self, node: SocketAddr, nth: u64) -> io::Result<u16> {
        let mut stream = tokio::io::BufReader::new(TcpStream::connect(node).await?);
        let body = report_mail(nth).replace('\n', "\r\n");
        let lines = [
            ("", 220),
            ("EHLO reporter.example", 250),
            ("MAIL FROM:<dmarc@reporter.example>", 250),
            (&*format!("RCPT TO:<{}>", self.address), 250),
            ("DATA", 354),
            (&*format!("{body}\r\n."), 250),
        ];
        let mut code = 0;
        for (line, expected) in lines {
            if !line.is_empty() {
                stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            }
            code = reply(&mut stream).await?;
            if code != expected {
                break;
            }
        }
        Ok(code)
    }

    /// What `tallymark verify` says, whether it agrees or not.
    pub fn verify(&self) -> Value {
        let done = self.command(&["verify", "--json"]).output().unwrap();
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&done.stderr)))
    }

    /// Changes something in the database behind the program's back.
    pub async fn execute(&self, statement: &str) {
        crate::postgres::execute(&self.server.url(&self.database), statement).await;
    }
}

/// The code of an SMTP reply.
async fn reply(stream: &mut tokio::io::BufReader<TcpStream>) -> io::Result<u16> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        match (code, line.as_bytes().get(3)) {
            (Some(_), Some(b'-')) => {}
            (Some(code), _) => return Ok(code),
            (None, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A mail with the `nth` report. Every one is another report, about another time.
fn report_mail(nth: u64) -> String {
    let begin = 1_704_067_200 + 600 * nth.cast_signed();
    let report = xml_at("example.com", &nth.to_string(), messages(nth), (begin, begin + 86_399));
    mail(&[("a.xml", &report)]).replace("\r\n", "\n")
}

/// How many messages the `nth` report is about.
fn messages(nth: u64) -> u64 {
    nth % 10 + 1
}

/// A running node.
pub struct Node {
    pub http: SocketAddr,
    pub smtp: Option<SocketAddr>,
    child: Child,
}

impl Node {
    pub async fn get(&self, path: &str, key: &str) -> Answer {
        Ask::new("GET", path).key(key).send(self.http).await
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// As an operator does.
    pub fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_node_does_what_its_roles_say_and_always_says_how_it_is() {
    let cluster = Cluster::start(Durability::Hurried, "").await;
    let node = cluster.node(&["--roles", "jobs"]);
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/domains", 404),
    ] {
        let answer = node.get(path, &cluster.key).await;
        assert_eq!(answer.status, status, "{path}");
    }
    // Its job is held while it lives, and given back when it stops.
    let holder = || async {
        let location = tallymark::store::Location::Server(cluster.server.url(&cluster.database));
        let store = tallymark::store::Store::open(location).await.unwrap();
        store.lease("purge").await.unwrap()
    };
    while holder().await.is_none() {
        tokio::task::yield_now().await;
    }
    node.stop();
    assert_eq!(holder().await, None);
    let other = cluster.node(&["--roles", "api"]);
    assert_eq!(other.get("/domains", &cluster.key).await.status, 200);
    other.stop();
    assert_eq!(holder().await, None);
}
