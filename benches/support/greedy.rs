//! The database that greedy clients meet, the program on it, and what they do.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::serving::{Sender, connect_from};
use crate::support::year::{self, TODAY};
use crate::support::{add_key, fresh, new_domain, status_mebibytes};
use tallymark::base::{AccountId, Authenticated, Mode};
use tallymark::keys::ApiSecret;
use tallymark::report::aggregate::{
    AuthResult, DkimAuth, Evaluated, Evidence, Metadata, PolicyPublished, Record, Report, Window,
};
use tallymark::store::{CommitOptions, Domain, KeepLimits, Location, Page, ReportFilter, Store};

/// Accounts whose clients are greedy; the first has all the records, the others a tenth each.
const ACCOUNTS: usize = 4;
/// Addresses that send as a domain.
const SOURCES: usize = 28_000;
/// SMTP sessions in DATA, and what each sends before it stops, bytes.
const SESSIONS: usize = 10_000;
const SESSION_BYTES: usize = 20_000;
/// From one /24: as many as one network may have.
const A_NETWORK: usize = 100;
/// Threads that set up sessions.
const SETTING_UP: usize = 8;
/// A client that was refused asks again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// An account with one domain.
pub struct Tenant {
    pub key: String,
    /// The id of its domain.
    pub domain: String,
    /// The report address of its domain.
    pub rua: String,
}

/// A filled database, as a template: each attack has a copy.
pub struct Filled {
    folder: tempfile::TempDir,
    greedy: Vec<Tenant>,
    pub other: Tenant,
    /// The number of a report whose rows are as wide as they can be, of the first account.
    wide: i64,
    mails: AtomicUsize,
}

impl Filled {
    pub fn make(records: usize) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (greedy, other, wide) = runtime.block_on(async {
            let file = Location::File(folder.path().join("tallymark.sqlite"));
            let store = Store::open(file).await.expect("a database");
            let (mut greedy, mut wide) = (Vec::new(), 0);
            for nth in 0..ACCOUNTS {
                let name = format!("busy-{nth}.example");
                let (account, domain, tenant) = tenant(&store, &name, &name, nth as u8).await;
                let count = if nth == 0 { records } else { records / 10 };
                year::fill(&store, account, &name, nth, count, SOURCES).await;
                if nth == 0 {
                    wide = add_wide(&store, account, &domain).await;
                }
                greedy.push(tenant);
            }
            let (account, _, other) = tenant(&store, "default", "other.example", ACCOUNTS as u8).await;
            year::fill(&store, account, "other.example", ACCOUNTS, records / 100, SOURCES).await;
            store.close().await;
            (greedy, other, wide)
        });
        Self {
            folder,
            greedy,
            other,
            wide,
            mails: AtomicUsize::new(0),
        }
    }

    /// The program on a copy of the database.
    pub fn serve(&self, program: &Path) -> Served {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
        for entry in std::fs::read_dir(self.folder.path()).expect("the template").flatten() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("room for a copy");
        }
        Served::start(program, folder)
    }

    /// A mail with a report that has not come before, as it goes over the wire.
    pub fn next_mail(&self) -> Vec<u8> {
        let nth = self.mails.fetch_add(1, Ordering::Relaxed);
        let wire = crate::support::serving::report_wire(nth);
        let text = String::from_utf8(wire).expect("it is a text");
        text.replace("example.com", "other.example").into_bytes()
    }
}

async fn tenant(store: &Store, account: &str, name: &str, seed: u8) -> (AccountId, Domain, Tenant) {
    let account = store.add_account(account, Mode::Live, 0).await.expect("an account").id;
    let secret = ApiSecret::generate(Mode::Live, &[seed + 1; ApiSecret::RANDOM_BYTES]);
    add_key(store, account, &secret).await;
    let domain = new_domain(name);
    let domain = store.add_domain(account, domain, 0).await.expect("a domain");
    let tenant = Tenant {
        key: secret.reveal().to_owned(),
        domain: domain.public_id.clone(),
        rua: format!("{}@rua.tally.example", domain.rua_token),
    };
    (account, domain, tenant)
}

/// A report of which each row has as many results as a row can have; gives its number.
async fn add_wide(store: &Store, account: AccountId, domain: &Domain) -> i64 {
    const ROWS: u32 = 100;
    let evidence = |row: u32| Evidence {
        header_from: Some(domain.name.as_str().into()),
        dkim: (0..95)
            .map(|nth| DkimAuth {
                domain: Some(format!("d{row}-{nth}.{}", "x".repeat(200)).into()),
                selector: Some(format!("s{row}-{nth}{}", "y".repeat(200)).into()),
                result: AuthResult::Fail,
                ..DkimAuth::default()
            })
            .collect(),
        ..Evidence::default()
    };
    let record = |row: u32| Record {
        source: Some(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + row))),
        evaluated: Evaluated::default(),
        evidence: row,
        count: 1,
    };
    let begin = TODAY * 86_400;
    let report = Report {
        metadata: Metadata {
            org_name: Some("wide.example".into()),
            report_id: "wide".into(),
            window: Window {
                begin,
                end: begin + 86_399,
            },
            ..Metadata::default()
        },
        policy: PolicyPublished {
            domain: domain.name.as_str().into(),
            ..PolicyPublished::default()
        },
        records: (0..ROWS).map(record).collect(),
        evidence: (0..ROWS).map(evidence).collect(),
        ..Report::default()
    };
    let options = CommitOptions {
        now: begin * 1_000,
        keep_originals: false,
        fresh: &fresh,
        limits: KeepLimits::default(),
    };
    store
        .commit(
            vec![year::message(account, begin, report, Authenticated::Unknown)],
            &options,
        )
        .await
        .expect("it is stored");
    let filter = ReportFilter {
        org: Some("wide.example".to_owned()),
        ..ReportFilter::default()
    };
    let found = store.reports(domain.id, &filter, Page { page: 1, per_page: 1 }).await;
    found.expect("a list").0[0].no.0
}

/// The program as a process.
pub struct Served {
    child: Child,
    pub http: SocketAddr,
    pub smtp: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Served {
    fn start(program: &Path, folder: tempfile::TempDir) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--smtp", "0.0.0.0:0"]);
        command.env("TALLYMARK__DATABASE__DIR", folder.path());
        command.env("TALLYMARK__LOG__FILTER", "error");
        command.env("TALLYMARK__PROVENANCE__CHECK", "false");
        command.env("TALLYMARK__INSTALLATION__RUA_HOST", "rua.tally.example");
        // A seat for the mail of the others when all the sessions are held.
        command.env("TALLYMARK__SMTP__CONNECTIONS_MAX", (SESSIONS + 100).to_string());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut http, mut smtp) = (None, None);
        for line in lines.by_ref().map_while(Result::ok) {
            let port = |line: &str| line.rsplit_once(':')?.1.trim_end_matches('/').parse::<u16>().ok();
            if line.contains("http://") {
                http = port(&line);
            } else if line.contains("smtp://") {
                smtp = port(&line);
            }
            if http.is_some() && smtp.is_some() {
                break;
            }
        }
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let local = |port: Option<u16>| SocketAddr::from(([127, 0, 0, 1], port.expect("it says where it listens")));
        Self {
            child,
            http: local(http),
            smtp: local(smtp),
            _folder: folder,
        }
    }

    pub fn resident_mebibytes(&self) -> f64 {
        status_mebibytes(&self.child.id().to_string(), "VmRSS:")
    }

    pub fn peak_mebibytes(&self) -> f64 {
        status_mebibytes(&self.child.id().to_string(), "VmHWM:")
    }

    /// The peak is that from now on (proc(5), clear_refs).
    pub fn forget_peak(&mut self) {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        std::fs::write(path, "5").expect("a process of our own");
    }

    pub fn stop(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What greedy clients hold.
pub struct Held {
    streams: Vec<TcpStream>,
    asking: Vec<std::thread::JoinHandle<()>>,
    answers: Arc<Mutex<std::collections::BTreeMap<String, usize>>>,
    pub clients: usize,
}

impl Held {
    fn new(streams: Vec<TcpStream>) -> Self {
        Self {
            clients: streams.len(),
            streams,
            asking: Vec::new(),
            answers: Arc::default(),
        }
    }

    /// They go; gives what they were answered.
    pub fn end(self) -> String {
        drop(self.streams);
        for one in self.asking {
            let _ = one.join();
        }
        let answers = self.answers.lock().expect("no thread panics while it counts");
        let told: Vec<_> = answers
            .iter()
            .map(|(said, count)| format!("{count} times {said}"))
            .collect();
        if told.is_empty() {
            "held".to_owned()
        } else {
            told.join(", ")
        }
    }

    fn counted(&self, said: &str) {
        let mut answers = self.answers.lock().expect("no thread panics while it counts");
        *answers.entry(said.to_owned()).or_default() += 1;
    }
}

/// A way to take more than one's share.
pub struct Attack {
    pub name: &'static str,
    /// Begins it; what it holds ends with what it gives, and what it asks at the instant.
    pub begin: fn(&Served, &Filled, Instant) -> Held,
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "connections",
        begin: |served, _, _| {
            let asked = request("/openapi.json", None, "").repeat(20);
            Held::new((0..2_100).filter_map(|_| unread(served.http, &asked).ok()).collect())
        },
    },
    Attack {
        name: "crowd",
        begin: |served, _, _| {
            let asked = request("/openapi.json", None, "").repeat(20);
            let from = |nth: usize| IpAddr::V4(Ipv4Addr::new(127, 1, (nth / A_NETWORK) as u8, 1));
            let unread = |nth| unread_over(connect_from(from(nth), served.http)?, &asked);
            Held::new((0..2_100).filter_map(|nth| unread(nth).ok()).collect())
        },
    },
    Attack {
        name: "data",
        begin: |served, filled, _| data(served, &filled.other.rua),
    },
    Attack {
        name: "queries",
        begin: queries,
    },
    Attack {
        name: "wide",
        begin: |served, filled, _| {
            let greedy = &filled.greedy[0];
            let path = format!("/domains/{}/dmarc/reports/{}?per_page=100", greedy.domain, filled.wide);
            let asked = request(&path, Some(&greedy.key), "");
            Held::new((0..100).filter_map(|_| unread(served.http, &asked).ok()).collect())
        },
    },
    Attack {
        name: "uploads",
        begin: |served, filled, _| {
            let greedy = &filled.greedy[0];
            let asked = format!(
                "POST /domains/{}/dmarc/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/xml\r\nContent-Length: 26214400\r\n\r\n<",
                greedy.domain, greedy.key
            );
            Held::new((0..11).filter_map(|_| unread(served.http, &asked).ok()).collect())
        },
    },
    Attack {
        name: "exports",
        begin: |served, filled, _| {
            // As many as one account may have at once, of each account.
            let exports = (0..8).filter_map(|nth| {
                let greedy = &filled.greedy[nth % ACCOUNTS];
                let path = format!("/domains/{}/dmarc/export", greedy.domain);
                unread(served.http, &request(&path, Some(&greedy.key), "")).ok()
            });
            Held::new(exports.collect())
        },
    },
];

/// The head of a GET.
pub fn request(path: &str, key: Option<&str>, more: &str) -> String {
    let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{key}{more}\r\n")
}

/// A client that asks and never reads, with as little room for answers as the system gives.
fn unread(to: SocketAddr, asked: &str) -> io::Result<TcpStream> {
    unread_over(TcpStream::connect(to)?, asked)
}

fn unread_over(mut stream: TcpStream, asked: &str) -> io::Result<TcpStream> {
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 2_048)?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(asked.as_bytes())?;
    Ok(stream)
}

/// Sessions in the middle of a mail.
fn data(served: &Served, rua: &str) -> Held {
    let open = |nth: usize| -> io::Result<TcpStream> {
        let (network, host) = (nth / A_NETWORK, nth % A_NETWORK + 1);
        let from = Ipv4Addr::new(127, 1 + (network / 250) as u8, (network % 250) as u8, host as u8);
        let stream = connect_from(IpAddr::V4(from), served.smtp)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut kept = stream.try_clone()?;
        let mut sender = Sender::over(stream)?;
        sender.say(b"MAIL FROM:<>\r\n", "250")?;
        sender.say(format!("RCPT TO:<{rua}>\r\n").as_bytes(), "250")?;
        sender.say(b"DATA\r\n", "354")?;
        kept.write_all(b"Subject: x\r\n\r\n")?;
        let line = [&[b'x'; 76][..], b"\r\n"].concat();
        kept.write_all(&line.repeat(SESSION_BYTES / line.len()))?;
        Ok(kept)
    };
    let next = AtomicUsize::new(0);
    let streams = Mutex::new(Vec::with_capacity(SESSIONS));
    let refused = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SETTING_UP {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= SESSIONS {
                        return;
                    }
                    match open(nth) {
                        Ok(stream) => streams.lock().expect("no thread panics").push(stream),
                        Err(error) => refused.lock().expect("no thread panics").push(error.to_string()),
                    }
                }
            });
        }
    });
    let held = Held::new(streams.into_inner().expect("no thread panics"));
    for error in refused.into_inner().expect("no thread panics") {
        held.counted(error.trim());
    }
    held
}

/// Questions about a year, asked again as long as they are answered.
fn queries(served: &Served, filled: &Filled, until: Instant) -> Held {
    let (greedy, to) = (&filled.greedy[0], served.http);
    let (first, last) = ("2025-11-02", "2026-11-01");
    let path = format!("/domains/{}/dmarc/sources?from={first}&to={last}", greedy.domain);
    let asked = request(&path, Some(&greedy.key), "Connection: close\r\n");
    let mut held = Held::new(Vec::new());
    held.clients = 190;
    held.asking = (0..held.clients)
        .map(|_| {
            let (asked, answers) = (asked.clone(), Arc::clone(&held.answers));
            std::thread::spawn(move || {
                while Instant::now() < until {
                    let said = ask(to, &asked).unwrap_or_else(|error| error.kind().to_string());
                    let is_refused = said != "200";
                    *answers
                        .lock()
                        .expect("no thread panics while it counts")
                        .entry(said)
                        .or_default() += 1;
                    if is_refused {
                        std::thread::sleep(AGAIN);
                    }
                }
            })
        })
        .collect();
    held
}

/// The status of an answer that is read to its end.
fn ask(to: SocketAddr, asked: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(70)))?;
    stream.write_all(asked.as_bytes())?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    let status = said.get(9..12).unwrap_or_default();
    Ok(String::from_utf8_lossy(status).into_owned())
}
