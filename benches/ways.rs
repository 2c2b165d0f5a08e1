//! Costly messages by every way in: SMTP, upload, IMAP, import. What each takes of a fresh program: time until the answer,
//! processor time, growth of the peak of resident memory, disk.
//!
//! `cargo bench --bench ways [-- CASE]`: the cases of the bench `hostile` and mails of full length, or those whose names contain
//! the text. An ordinary mail comes before each, so that nothing is counted that every first mail takes. `over` stands beside
//! what exceeds the budget of a message. Disk is the most while the program runs, and what is left once it has ended: until the
//! log is folded in, it has all that was written once more. The memory of an import is that beyond an import of the ordinary mail.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/mailbox/dovecot.rs"]
mod dovecot;
#[path = "support/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/mailbox/program.rs"]
mod program;
mod support;
#[path = "support/texts.rs"]
mod texts;
#[path = "support/tls_texts.rs"]
mod tls_texts;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dovecot::{Ability, Dovecot, PASSWORD, USER, free_port};
use program::{Tallymark, until};
use support::database::{children_cpu_seconds, cpu_seconds};
use support::serving::{Sender, attached_wire, report_wire};
use support::{add_key, corpus, new_domain, status_mebibytes};
use tallymark::base::Mode;
use tallymark::keys::ApiSecret;
use tallymark::store::{Location, Store};

/// The budget of a message of up to 25 MiB: memory, processor time, disk as a multiple of its length.
const MEBIBYTES_MAX: f64 = 64.0;
const SECONDS_MAX: f64 = 2.0;
const TIMES_MAX: f64 = 4.0;
/// What any mail may take of the disk besides: pages that are not full yet.
const PAGES_BYTES: u64 = 256 << 10;
const MAIL_BYTES_MAX: usize = 25 << 20;
/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

fn main() {
    let wanted = std::env::args().skip(1).find(|text| !text.starts_with('-'));
    println!(
        "case                      way       mail KB    wall s   processor s   memory MiB   disk KB, left KB   answer"
    );
    for (name, packed) in cases() {
        if wanted.as_deref().is_some_and(|wanted| !name.contains(wanted)) {
            continue;
        }
        for (way, bring) in WAYS {
            let spent = bring(&packed);
            spent.print(name, way);
        }
    }
}

/// The costly cases, packed, and files that fill a mail of the greatest length.
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let mut cases: Vec<_> = hostile::cases()
        .into_iter()
        .map(|(name, packed, _)| (name, packed))
        .collect();
    let mut random = corpus::Random(7);
    // Lines of 57 bytes take 78 in a mail; the head takes the rest.
    let noise: Vec<u8> = (0..MAIL_BYTES_MAX / 78 * 57 - 1_024)
        .map(|_| random.below(256) as u8)
        .collect();
    let text = [
        report().as_bytes(),
        b"<!--",
        &hex(&noise[..noise.len() / 7 * 6]),
        b"-->",
    ]
    .concat();
    cases.push(("no report, 25 MiB", noise));
    cases.push(("report in 25 MiB", texts::gzip(&text)));
    cases
}

/// Text that gzip packs to a little more than half of its length.
fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15].map(|four| b"0123456789abcdef"[usize::from(four)]))
        .collect()
}

fn report() -> String {
    let wire = String::from_utf8(report_wire(3)).expect("it is a text");
    let (from, to) = (
        wire.find("<?xml").expect("XML"),
        wire.find("</feedback>").expect("its end"),
    );
    wire[from..to].to_owned() + "</feedback>"
}

/// What a message took.
struct Spent {
    mail_bytes: usize,
    wall: Duration,
    cpu_seconds: f64,
    mebibytes: f64,
    disk_bytes: u64,
    left_bytes: u64,
    answer: String,
}

impl Spent {
    fn print(&self, name: &str, way: &str) {
        let mark = |is_over: bool| if is_over { " over" } else { "" };
        let disk_max = (self.mail_bytes as f64 * TIMES_MAX) as u64;
        println!(
            "{name:25} {way:7} {:9.0} {:9.2} {:>13} {:>12} {:>18}   {}",
            self.mail_bytes as f64 / 1e3,
            self.wall.as_secs_f64(),
            format!("{:.2}{}", self.cpu_seconds, mark(self.cpu_seconds > SECONDS_MAX)),
            format!("{:.1}{}", self.mebibytes, mark(self.mebibytes > MEBIBYTES_MAX)),
            format!(
                "{}, {}{}",
                self.disk_bytes / 1_000,
                self.left_bytes / 1_000,
                mark(self.left_bytes > disk_max + PAGES_BYTES)
            ),
            self.answer.trim()
        );
    }
}

type Way = (&'static str, fn(&[u8]) -> Spent);

const WAYS: [Way; 4] = [
    ("SMTP", |packed| {
        let (home, wire) = (Home::new(None), attached_wire(packed));
        home.weigh(wire.len(), |home| home.mail(&wire))
    }),
    ("upload", |packed| {
        let home = Home::new(None);
        home.weigh(packed.len(), |home| home.upload(packed))
    }),
    ("IMAP", |packed| {
        let (server, wire) = (Dovecot::start(Ability::Everything), attached_wire(packed));
        let home = Home::new(Some(&server));
        let mail = &wire[..wire.len() - b".\r\n".len()];
        home.weigh(mail.len(), |home| {
            let before = home.read_from_imap();
            server.deliver_bytes(mail);
            until("the mail is read", || home.read_from_imap() != before);
            let after = home.read_from_imap();
            let changed = after
                .into_iter()
                .find(|(outcome, count)| before.get(outcome) != Some(count));
            changed.map(|(outcome, _)| outcome).unwrap_or_default()
        })
    }),
    ("import", |packed| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
        let wire = attached_wire(packed);
        let usual = import(folder.path(), &report_wire(0));
        let own = import(folder.path(), &wire);
        Spent {
            mebibytes: own.mebibytes - usual.mebibytes,
            ..own
        }
    }),
];

/// Imports a mail in a process of its own.
fn import(folder: &Path, wire: &[u8]) -> Spent {
    fs::write(folder.join("one.eml"), &wire[..wire.len() - b".\r\n".len()]).expect("a mail");
    let before = (bytes_in(&folder.join("data")), children_cpu_seconds());
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .current_dir(folder)
        .args(["--data", "data", "import", "--add-domains", "--json", "one.eml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    let (mut mebibytes, mut disk_bytes) = (0.0_f64, 0);
    while child.try_wait().expect("a child").is_none() {
        mebibytes = mebibytes.max(status_mebibytes(&child.id().to_string(), "VmHWM:"));
        disk_bytes = disk_bytes.max(bytes_in(&folder.join("data")));
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let wall = began.elapsed();
    let said = child.wait_with_output().expect("a child").stdout;
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
    Spent {
        mail_bytes: wire.len(),
        wall,
        cpu_seconds: children_cpu_seconds() - before.1,
        mebibytes,
        disk_bytes: disk_bytes.saturating_sub(before.0),
        left_bytes: bytes_in(&folder.join("data")).saturating_sub(before.0),
        answer: said["reports"].to_string(),
    }
}

/// A fresh program that has taken an ordinary mail.
struct Home {
    folder: tempfile::TempDir,
    program: Tallymark,
    smtp: SocketAddr,
    rua: String,
    domain: String,
    key: String,
    /// What its files took after the first mail, when nothing had them open.
    folded_bytes: u64,
}

impl Home {
    fn new(imap: Option<&Dovecot>) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
        let secret = ApiSecret::generate(Mode::Live, &[7; ApiSecret::RANDOM_BYTES]);
        fs::create_dir(folder.path().join("data")).expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let domain = runtime.block_on(async {
            let file = Location::File(folder.path().join("data/tallymark.sqlite"));
            let store = Store::open(file).await.expect("a database");
            let account = store
                .add_account("default", Mode::Live, 0)
                .await
                .expect("an account")
                .id;
            add_key(&store, account, &secret).await;
            let domain = store
                .add_domain(account, new_domain("example.com"), 0)
                .await
                .expect("a domain");
            store.close().await;
            domain
        });
        let port = free_port();
        let mut settings = format!(
            "[database]\ndir = \"data\"\n[smtp]\nlisten = [\"127.0.0.1:{port}\"]\n[provenance]\ncheck = false\n\
             [installation]\nrua_host = \"rua.tally.example\"\n"
        );
        if let Some(server) = imap {
            fs::write(folder.path().join("password"), PASSWORD).expect("a password");
            settings += &format!(
                "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {}\nca_file = {:?}\nuser = \"{USER}\"\n\
                 password_file = \"password\"\nprocessed_folder = \"Processed\"\nadd_domains = true\n",
                server.tls_port,
                server.ca_file(),
            );
        }
        fs::write(folder.path().join("t.toml"), settings).expect("settings");
        let smtp = SocketAddr::from(([127, 0, 0, 1], port));
        let rua = format!("{}@rua.tally.example", domain.rua_token);
        let started = || {
            let program = Tallymark::start(folder.path());
            until("it listens", || TcpStream::connect(smtp).is_ok());
            program
        };
        // The first mail makes pages that stay.
        let program = started();
        send(smtp, &rua, &report_wire(0));
        program.stop();
        let folded_bytes = bytes_in(&folder.path().join("data"));
        let home = Self {
            program: started(),
            folder,
            smtp,
            rua,
            domain: domain.public_id,
            key: secret.reveal().to_owned(),
            folded_bytes,
        };
        home.mail(&report_wire(1));
        if let Some(server) = imap {
            let wire = report_wire(2);
            server.deliver_bytes(&wire[..wire.len() - b".\r\n".len()]);
            until("the ordinary mail is read", || !home.read_from_imap().is_empty());
        }
        home
    }

    /// What `bring` takes of the program, until it returns the answer.
    fn weigh(self, mail_bytes: usize, bring: impl FnOnce(&Self) -> String) -> Spent {
        let data = self.folder.path().join("data");
        let pid = self.program.child.id().to_string();
        fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
        let before = (status_mebibytes(&pid, "VmRSS:"), cpu_seconds(&pid), bytes_in(&data));
        let began = Instant::now();
        let answer = bring(&self);
        let wall = began.elapsed();
        let cpu_seconds = cpu_seconds(&pid) - before.1;
        let mebibytes = status_mebibytes(&pid, "VmHWM:") - before.0;
        let disk_bytes = bytes_in(&data).saturating_sub(before.2);
        self.program.stop();
        Spent {
            mail_bytes,
            wall,
            cpu_seconds,
            mebibytes,
            disk_bytes,
            left_bytes: bytes_in(&data).saturating_sub(self.folded_bytes),
            answer,
        }
    }

    fn mail(&self, wire: &[u8]) -> String {
        send(self.smtp, &self.rua, wire)
    }

    fn upload(&self, body: &[u8]) -> String {
        let to = self.program.address;
        let mut stream = TcpStream::connect(to).expect("a connection");
        stream.set_read_timeout(Some(ANSWER_TIME_MAX)).expect("a timeout");
        let head = format!(
            "POST /domains/{}/dmarc/reports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/gzip\r\nContent-Length: {}\r\n\r\n",
            self.domain,
            self.key,
            body.len()
        );
        let mut said = String::new();
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let read = stream.read_to_string(&mut said);
        match (said.lines().next(), sent.and(read.map(drop))) {
            (Some(line), _) => line.to_owned(),
            (None, failed) => format!("{failed:?}"),
        }
    }

    /// Outcomes of the mails of the IMAP folder, and the number of each.
    fn read_from_imap(&self) -> BTreeMap<String, u64> {
        const NAME: &str = "tallymark_feed_messages_total{feed=\"box\",outcome=\"";
        let metrics = self.program.get("/metrics");
        let lines = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(NAME)?.split_once("\"} "));
        let counts = lines.map(|(outcome, count)| (outcome.to_owned(), count.parse().expect("a number")));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// Sends a mail; returns the reply.
fn send(to: SocketAddr, rua: &str, wire: &[u8]) -> String {
    let sent = Sender::connect(to).and_then(|mut sender| sender.send(rua, wire));
    sent.map_or_else(|error| error.to_string(), |()| "250".to_owned())
}

/// Bytes that the files of a folder take on the disk.
fn bytes_in(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.blocks() * 512)
        .sum()
}
