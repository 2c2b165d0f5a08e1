//! The listener over real sockets, with a real database behind it.

mod held_quota;
mod limits;
mod not_taken;
pub mod poison;
mod recipients;
mod refused;
mod senders;
mod sessions;
mod shutdown;
mod undecided;

use std::net::SocketAddr;

use tallymark::base::clock::Clock;
use tallymark::ingest::{AddressNames, Addresses, Intake, IntakeOptions};
use tallymark::listeners::smtp::{Listener, Protocol, SmtpOptions};
use tallymark::metrics::Metrics;
use tallymark::store::SetAside;
use tallymark::tally::Totals;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::store::{ALL_DAYS, Database, Dialect, FIRST_PAGE, fresh};

/// A server on ports of its own, with the account `default` and its domain example.com.
pub struct Server {
    pub database: Database,
    pub metrics: Metrics,
    pub smtp: SocketAddr,
    pub lmtp: SocketAddr,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl Server {
    pub async fn start(change: impl FnOnce(&mut SmtpOptions)) -> Self {
        Self::start_intake(change, IntakeOptions::new(fresh)).await
    }

    /// As [`Self::start`], with another way in.
    pub async fn start_intake(change: impl FnOnce(&mut SmtpOptions), intake: IntakeOptions) -> Self {
        let database = Database::start(Dialect::Sqlite).await;
        let (clock, metrics) = (Clock::system(), Metrics::new());
        let (intake, _) = Intake::start(clock.clone(), database.store.clone(), metrics.clone(), intake);
        let names = AddressNames {
            host: "mx.tally.example".to_owned(),
            rua_hosts: vec!["rua.tally.example".to_owned(), "rua.us.tally.example".to_owned()],
            report_address: Some("reports@tally.example".to_owned()),
            account: "default".to_owned(),
        };
        let addresses = Addresses::new(database.store.clone(), clock.clone(), &names);
        let mut options = SmtpOptions::new(&names.host, &database.folder());
        options.smtp = vec!["127.0.0.1:0".parse().unwrap()];
        options.lmtp = vec!["127.0.0.1:0".parse().unwrap()];
        options.budget.free_disk_bytes_min = 0;
        change(&mut options);
        let listener = Listener::bind(clock, intake, addresses, metrics.clone(), options)
            .await
            .unwrap();
        let of = |protocol| {
            listener
                .addresses()
                .into_iter()
                .find(|(own, _)| *own == protocol)
                .unwrap()
                .1
        };
        let (smtp, lmtp) = (of(Protocol::Smtp), of(Protocol::Lmtp));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(listener.serve(shutdown.clone()));
        Self {
            database,
            metrics,
            smtp,
            lmtp,
            shutdown,
            serving,
        }
    }

    /// The report address of the domain of every test.
    pub fn rua(&self) -> String {
        format!("{}@rua.tally.example", self.database.domain.rua_token)
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.smtp).await
    }

    /// The figures of the domain of every test.
    pub async fn totals(&self) -> Totals {
        self.database.check_sums(self.database.domain.id).await
    }

    /// Counted reports, and how often they arrived.
    pub async fn arrivals(&self) -> (u64, u64) {
        let (reports, total) = self
            .database
            .store
            .reports(self.database.domain.id, &Default::default(), FIRST_PAGE)
            .await
            .unwrap();
        let stats = self
            .database
            .store
            .stats(self.database.domain.id, ALL_DAYS)
            .await
            .unwrap();
        assert_eq!(stats.reports, total);
        (total, reports.iter().map(|report| report.arrivals).sum())
    }

    /// Messages without a counted report, with their bytes, oldest first.
    pub async fn set_aside(&self) -> Vec<(SetAside, Vec<u8>)> {
        let (mut messages, _) = self.database.store.set_aside(None, None, FIRST_PAGE).await.unwrap();
        messages.sort_by_key(|message| message.id);
        let mut all = Vec::new();
        for message in messages {
            let bytes = self.database.store.set_aside_bytes(message.id).await.unwrap().unwrap();
            all.push((message, bytes));
        }
        all
    }

    pub fn metric(&self, line: &str) -> bool {
        self.metrics.encode().0.lines().any(|other| other == line)
    }
}

/// Says exactly what it is told to say.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects and reads the greeting.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::connect_silently(address).await;
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220 mx.tally.example "), "{greeting}");
        client
    }

    pub async fn connect_silently(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Sends, and reads one reply.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.send(bytes).await;
        self.reply().await
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// One whole reply, without the last CR LF; empty at the end of the connection.
    pub async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let begin = reply.len();
            // A reset is an end too.
            if self.0.read_line(&mut reply).await.unwrap_or(0) == 0 || reply.as_bytes().get(begin + 3) != Some(&b'-') {
                return reply.trim_end().to_owned();
            }
        }
    }

    /// Sends, and checks how the reply begins.
    pub async fn expect(&mut self, bytes: impl AsRef<[u8]>, reply: &str) {
        let got = self.say(bytes.as_ref()).await;
        assert!(
            got.starts_with(reply),
            "{}: {got}, not {reply}",
            bytes.as_ref().escape_ascii()
        );
    }

    /// Everything up to 354.
    pub async fn envelope(&mut self, recipients: &[&str]) {
        self.expect("MAIL FROM:<noreply@reporter.example>\r\n", "250 2.1.0")
            .await;
        for recipient in recipients {
            self.expect(format!("RCPT TO:<{recipient}>\r\n"), "250 2.1.5").await;
        }
        self.expect("DATA\r\n", "354").await;
    }

    /// A whole message, and the reply to it.
    pub async fn mail(&mut self, recipients: &[&str], message: &[u8]) -> String {
        self.envelope(recipients).await;
        self.say(stuffed(message)).await
    }

    /// What still comes, up to the end of the connection.
    pub async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

/// A message as it goes over the wire, with its end.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + 5);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// A mail with a report about the domain: one record of a given number of messages.
pub fn report(id: &str, domain: &str, count: u64) -> Vec<u8> {
    format!(
        "From: noreply@reporter.example\r\nSubject: Report domain: {domain}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/xml\r\nContent-Disposition: attachment; filename=\"reporter.example!{domain}!1758240000!1758326399.xml\"\r\n\r\n\
         <?xml version=\"1.0\"?>\r\n<feedback><report_metadata><org_name>Reporter</org_name>\
         <email>noreply@reporter.example</email><report_id>{id}</report_id>\
         <date_range><begin>1758240000</begin><end>1758326399</end></date_range></report_metadata>\r\n\
         <policy_published><domain>{domain}</domain><p>none</p></policy_published>\r\n\
         <record><row><source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated>\
         <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\r\n\
         <identifiers><header_from>{domain}</header_from></identifiers>\
         <auth_results><dkim><domain>{domain}</domain><result>pass</result></dkim></auth_results></record></feedback>\r\n"
    )
    .into_bytes()
}
