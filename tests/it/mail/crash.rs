//! The program is killed under load, repeatedly: what was acknowledged is there, and counted once.
//!
//! The long form: `TALLYMARK_CRASH=200,200000 cargo nextest run --test it -E 'test(killed_under_load)'` kills it 200 times
//! while 200,000 messages are sent. `TALLYMARK_CRASH_PROGRAM` names another build of the program than the test's own.

use std::collections::{HashSet, VecDeque};
use std::io::Write as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tallymark::base::clock::Clock;
use tallymark::ingest::{AddressNames, Addresses, Intake, IntakeOptions};
use tallymark::listeners::smtp::{Acknowledge, Listener, SmtpOptions};
use tallymark::metrics::Metrics;
use tallymark::store::Store;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::smtp::{report, stuffed};
use super::super::store::fresh;
use super::{Installation, Program, any_port};

const SESSIONS: usize = 20;
/// No sender waits for ever (RFC 5321, 4.5.3.2): a connection that was being made when the program was killed looks to its
/// sender as if it were there, and no answer ever comes.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How much is sent, and how often the program is killed meanwhile.
#[derive(Clone, Copy)]
struct Size {
    kills: u64,
    messages: u64,
}

/// What the senders know.
struct Senders {
    rua: String,
    to_send: Mutex<VecDeque<u64>>,
    /// Messages that got 250. One in twenty is sent again after that.
    ledger: Mutex<HashSet<u64>>,
    acknowledged: watch::Sender<u64>,
    /// The program that runs: how many there were before it, and where.
    serving: watch::Sender<(u64, std::net::SocketAddr)>,
    size: Size,
}

/// No two alike: reports of one content are one report, whatever their ids.
fn messages_of(nth: u64) -> u64 {
    1 + nth
}

impl Senders {
    /// One connection after the other, a message after the other, until all have got 250.
    async fn send(self: Arc<Self>) {
        let (mut serving, mut acknowledged) = (self.serving.subscribe(), self.acknowledged.subscribe());
        loop {
            let (run, address) = *serving.borrow_and_update();
            let _ = self.converse(address).await;
            if *self.acknowledged.borrow() == self.size.messages && self.to_send.lock().unwrap().is_empty() {
                return;
            }
            let news = async {
                tokio::select! {
                    changed = serving.wait_for(|(other, _)| *other != run) => { changed.unwrap(); }
                    // Another sender had the last message, and it may come back to the queue.
                    changed = acknowledged.changed() => { changed.unwrap(); }
                }
            };
            // Told to come later, it comes later.
            let _ = timeout(Duration::from_secs(1), news).await;
        }
    }

    async fn converse(&self, address: std::net::SocketAddr) -> std::io::Result<()> {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        expect(&mut stream, "220").await?;
        stream.write_all(b"EHLO sender.example\r\n").await?;
        expect(&mut stream, "250").await?;
        loop {
            let Some(nth) = self.to_send.lock().unwrap().pop_front() else {
                return Ok(());
            };
            let sent = self.message(&mut stream, nth).await;
            let is_new = sent.is_ok() && self.ledger.lock().unwrap().insert(nth);
            if sent.is_err() || (is_new && nth % 20 == 0) {
                self.to_send.lock().unwrap().push_back(nth);
            }
            self.acknowledged
                .send_modify(|acknowledged| *acknowledged += u64::from(is_new));
            sent?;
        }
    }

    async fn message(&self, stream: &mut BufReader<TcpStream>, nth: u64) -> std::io::Result<()> {
        let commands = format!("MAIL FROM:<a@sender.example>\r\nRCPT TO:<{}>\r\nDATA\r\n", self.rua);
        stream.write_all(commands.as_bytes()).await?;
        for reply in ["250", "250", "354"] {
            expect(stream, reply).await?;
        }
        let message = report(&format!("crash-{nth}"), "example.com", messages_of(nth));
        stream.write_all(&stuffed(&message)).await?;
        expect(stream, "250 2.0.0").await
    }
}

async fn expect(stream: &mut BufReader<TcpStream>, begin: &str) -> std::io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        let read = timeout(ANSWER_MAX, stream.read_line(&mut line)).await;
        if read.map_err(|_| std::io::ErrorKind::TimedOut)?? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    if line.starts_with(begin) {
        return Ok(());
    }
    // Anything but a temporary failure is a fault, and not of the network.
    assert!(line.starts_with('4'), "{line}");
    Err(std::io::Error::other(line))
}

/// Sends all, killing what `serve` gives whenever a random number of messages was acknowledged. Gives the messages that
/// were acknowledged and are not there, and how often it was killed.
async fn crash(installation: &Installation, size: Size, serve: impl Fn() -> Command) -> (Vec<u64>, u64) {
    let quiet = |mut command: Command| {
        command.env("TALLYMARK__LOG__FILTER", "error");
        spawn_blocking(move || Program::start(command))
    };
    let mut program = quiet(serve()).await.unwrap();
    let senders = Arc::new(Senders {
        rua: installation.rua.clone(),
        to_send: Mutex::new((0..size.messages).collect()),
        ledger: Mutex::default(),
        acknowledged: watch::Sender::new(0),
        serving: watch::Sender::new((0, program.smtp)),
        size,
    });
    let mut sending = JoinSet::new();
    for _ in 0..SESSIONS {
        sending.spawn(Arc::clone(&senders).send());
    }
    let (mut random, mut killed) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    let mut acknowledged = senders.acknowledged.subscribe();
    while killed < size.kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // From nothing at all up to nearly twice the share of one kill.
        let more = random % (size.messages * 9 / 5 / size.kills).max(1);
        let until = (*acknowledged.borrow() + more).min(size.messages);
        if acknowledged.wait_for(|count| *count >= until).await.is_err() || until == size.messages {
            break;
        }
        spawn_blocking(move || program.kill()).await.unwrap();
        killed += 1;
        program = quiet(serve()).await.unwrap();
        senders.serving.send_replace((killed, program.smtp));
    }
    // One that hangs up on a sender is no reason for the sender to give up.
    while let Some(ended) = sending.join_next().await {
        ended.unwrap();
    }
    spawn_blocking(move || program.kill()).await.unwrap();
    let counted = installation.counted().await;
    for (id, messages) in &counted {
        let nth: u64 = id.strip_prefix("crash-").unwrap().parse().unwrap();
        assert_eq!(*messages, messages_of(nth), "{id}");
    }
    let ledger = senders.ledger.lock().unwrap();
    assert_eq!(ledger.len() as u64, size.messages);
    let is_lost = |nth: &u64| !counted.contains_key(&format!("crash-{nth}"));
    (ledger.iter().copied().filter(is_lost).collect(), killed)
}

#[expect(clippy::disallowed_methods, reason = "how long the test takes is no setting")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_it_keeps_what_it_acknowledged_and_counts_it_once() {
    let size = environment("TALLYMARK_CRASH").map(|size| {
        let (kills, messages) = size.split_once(',').unwrap();
        Size {
            kills: kills.parse().unwrap(),
            messages: messages.parse().unwrap(),
        }
    });
    let size = size.unwrap_or(Size {
        kills: 12,
        messages: 3_000,
    });
    let program = environment("TALLYMARK_CRASH_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_tallymark").to_owned());
    let installation = Installation::new().await;
    let (lost, killed) = crash(&installation, size, || installation.serve(&program, any_port())).await;
    println!(
        "{killed} kills, {} messages acknowledged, {} lost",
        size.messages,
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:?}");
    assert!(killed * 10 >= size.kills * 8, "only {killed} kills");
}

/// The negative control: a server that acknowledges before the commit loses mail, and the test above sees it. The server
/// is this test itself, started by itself: no program that is shipped has the switch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledging_before_the_commit_is_noticed() {
    if let Some(folder) = environment("TALLYMARK_TEST_LOSES_MAIL_IN") {
        return lose_mail(folder.as_ref()).await;
    }
    let installation = Installation::new().await;
    let size = Size {
        kills: 8,
        messages: 2_000,
    };
    let serve = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("TALLYMARK_TEST_LOSES_MAIL_IN", installation.path());
        command.args([
            "--exact",
            "--nocapture",
            "mail::crash::acknowledging_before_the_commit_is_noticed",
        ]);
        command
    };
    let (lost, killed) = crash(&installation, size, serve).await;
    assert!(killed > 0 && !lost.is_empty(), "{killed} kills and nothing lost");
}

async fn lose_mail(folder: &std::path::Path) {
    let store = Store::open(&folder.join("tallymark.sqlite")).await.unwrap();
    let (clock, metrics) = (Clock::system(), Metrics::new());
    let (intake, _) = Intake::start(clock.clone(), store.clone(), metrics.clone(), IntakeOptions::new(fresh));
    let names = AddressNames {
        rua_hosts: vec!["rua.tally.example".to_owned()],
        ..AddressNames::default()
    };
    let mut options = SmtpOptions::new("mx.example", folder);
    options.acknowledge = Acknowledge::BeforeCommitWhichLosesMail;
    options.budget.free_disk_bytes_min = 0;
    options.tls = None;
    options.smtp = vec![any_port()];
    let addresses = Addresses::new(store, clock.clone(), &names);
    let listener = Listener::bind(clock, intake, addresses, metrics, options)
        .await
        .unwrap();
    let smtp = listener.addresses()[0].1;
    let mut out = std::io::stdout().lock();
    for protocol in ["http", "lmtp", "smtp"] {
        writeln!(out, "\nListening on {protocol}://{smtp}").unwrap();
    }
    drop(out);
    listener.serve(CancellationToken::new()).await;
}
