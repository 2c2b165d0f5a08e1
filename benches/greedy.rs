//! Greedy clients: connections, questions, uploads and exports that are held, each kind alone, against the program as a
//! process of its own with a filled database. Meanwhile it is asked how it is, another account asks for its figures, and a
//! mail comes.
//!
//! ```text
//! cargo bench --bench greedy                                all attacks, 1,000,000 records, 15 s each
//! cargo bench --bench greedy -- exports wide                only these
//! cargo bench --bench greedy -- --records 100000 --seconds 5
//! cargo bench --bench greedy -- --program target/debug/tallymark
//! ```
//!
//! The table has, for each attack, the slowest answer before it and while it is held, the peak of the resident memory, and
//! what of it is left at the latest a minute after the attack. `over` stands beside what exceeds its goal.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[path = "support/greedy.rs"]
mod attacks;
mod support;

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use attacks::{ATTACKS, Filled, Served};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::percentile;
use support::serving::{Sender, connect_from};

/// Goals: the slowest answer of each kind, milliseconds; resident memory, MiB.
const READY_MILLIS_MAX: f64 = 100.0;
const STATS_MILLIS_MAX: f64 = 100.0;
const MAIL_MILLIS_MAX: f64 = 500.0;
const PEAK_MEBIBYTES_MAX: f64 = 400.0;
const AFTER_MEBIBYTES_MAX: f64 = 150.0;
/// The memory is given back within this time.
const AFTER_TIME_MAX: Duration = Duration::from_secs(60);
/// How long is measured before an attack.
const BEFORE: Duration = Duration::from_secs(3);
/// From one round of questions to the next.
const PAUSE: Duration = Duration::from_millis(50);
/// Those that are asked for how others fare are at an address of their own: what one address may have is another's trouble.
const ASKED_FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// A question that has no answer by then has failed.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(70);

struct Settings {
    named: Vec<String>,
    records: usize,
    seconds: u64,
    program: PathBuf,
}

impl Settings {
    fn read() -> Self {
        let mut settings = Self {
            named: Vec::new(),
            records: 1_000_000,
            seconds: 15,
            program: PathBuf::from(env!("CARGO_BIN_EXE_tallymark")),
        };
        let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the name");
            match argument.as_str() {
                "--records" => settings.records = value().parse().expect("a number of records"),
                "--seconds" => settings.seconds = value().parse().expect("a number of seconds"),
                "--program" => settings.program = PathBuf::from(value()),
                name => settings.named.push(name.to_owned()),
            }
        }
        settings
    }
}

fn main() {
    let settings = Settings::read();
    let known = |name: &String| ATTACKS.iter().any(|attack| attack.name == name);
    if let Some(name) = settings.named.iter().find(|name| !known(name)) {
        let names: Vec<_> = ATTACKS.iter().map(|attack| attack.name).collect();
        println!("{name} is no attack: {}", names.join(", "));
        return;
    }
    raise_files();
    let filled = Filled::make(settings.records);
    println!(
        "{} records of one account; {} s an attack; slowest answers in ms, memory in MiB",
        settings.records, settings.seconds
    );
    println!(
        "attack        clients    /readyz before, held    /stats before, held      mail before, held   peak   after"
    );
    println!(
        "goal                  {READY_MILLIS_MAX:>24.0} {STATS_MILLIS_MAX:>23.0} {MAIL_MILLIS_MAX:>22.0} \
         {PEAK_MEBIBYTES_MAX:>6.0} {AFTER_MEBIBYTES_MAX:>7.0}"
    );
    let mut over = 0;
    for attack in ATTACKS {
        if !settings.named.is_empty() && !settings.named.iter().any(|name| name == attack.name) {
            continue;
        }
        let mut served = filled.serve(&settings.program);
        let before = Probe::new(&served, &filled).run_for(BEFORE);
        served.forget_peak();
        let until = Instant::now() + Duration::from_secs(settings.seconds);
        let done = AtomicBool::new(false);
        let (held, during) = std::thread::scope(|scope| {
            let probing = scope.spawn(|| Probe::new(&served, &filled).run(|| done.load(Ordering::Relaxed)));
            let held = (attack.begin)(&served, &filled, until);
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            done.store(true, Ordering::Relaxed);
            (held, probing.join().expect("the answers"))
        });
        let peak = served.peak_mebibytes();
        let clients = held.clients;
        let said = held.end();
        let (after, waited) = settled(&served);
        let row = Row {
            name: attack.name,
            clients,
            before,
            during,
            peak,
            after,
        };
        over += row.print();
        println!("              {said}; {after:.0} MiB {} s after it", waited.as_secs());
        served.stop();
    }
    println!("{over} figures are over their goal");
}

/// As many files as the system allows: the program inherits them.
fn raise_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, all).expect("as many files as the system allows");
}

/// Waits until the memory is below its goal, a minute at most: resident memory then, MiB, and how long it took.
fn settled(served: &Served) -> (f64, Duration) {
    let began = Instant::now();
    loop {
        let (resident, waited) = (served.resident_mebibytes(), began.elapsed());
        if resident <= AFTER_MEBIBYTES_MAX || waited >= AFTER_TIME_MAX {
            return (resident, waited);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Times of answers, milliseconds, how many questions failed, and why the first one did.
#[derive(Default)]
struct Times {
    millis: Vec<f64>,
    failed: usize,
    why: Option<String>,
}

impl Times {
    fn note(&mut self, ask: impl FnOnce() -> io::Result<()>) {
        let began = Instant::now();
        let done = ask();
        self.millis.push(began.elapsed().as_secs_f64() * 1e3);
        if let Err(error) = done {
            self.failed += 1;
            self.why.get_or_insert_with(|| error.to_string());
        }
    }

    fn slowest(&self) -> f64 {
        self.millis.iter().copied().fold(0.0, f64::max)
    }

    fn median(&self) -> f64 {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() {
            0.0
        } else {
            percentile(&sorted, 50.0)
        }
    }
}

/// What others see meanwhile.
#[derive(Default)]
struct Seen {
    ready: Times,
    stats: Times,
    mail: Times,
}

/// Asks in rounds, each question over a connection of its own.
struct Probe<'p> {
    served: &'p Served,
    filled: &'p Filled,
}

impl<'p> Probe<'p> {
    fn new(served: &'p Served, filled: &'p Filled) -> Self {
        Self { served, filled }
    }

    fn run_for(&self, time: Duration) -> Seen {
        let until = Instant::now() + time;
        self.run(|| Instant::now() >= until)
    }

    /// The three kinds side by side: none waits for another's answer.
    fn run(&self, is_done: impl Fn() -> bool + Sync) -> Seen {
        let (served, other) = (self.served, &self.filled.other);
        let asking = |ask: &(dyn Fn() -> io::Result<()> + Sync)| {
            let mut times = Times::default();
            loop {
                times.note(ask);
                if is_done() {
                    return times;
                }
                std::thread::sleep(PAUSE);
            }
        };
        let stats = format!("/domains/{}/dmarc/stats?days=30", other.domain);
        std::thread::scope(|scope| {
            let ready = scope.spawn(|| asking(&|| get(served.http, "/readyz", None)));
            let stats = scope.spawn(|| asking(&|| get(served.http, &stats, Some(&other.key))));
            let mail = asking(&|| {
                let wire = self.filled.next_mail();
                let stream = TcpStream::connect(served.smtp)?;
                stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
                Sender::over(stream)?.send(&other.rua, &wire)
            });
            Seen {
                ready: ready.join().expect("times"),
                stats: stats.join().expect("times"),
                mail,
            }
        })
    }
}

/// A question that must be answered with 200.
fn get(to: SocketAddr, path: &str, key: Option<&str>) -> io::Result<()> {
    let mut stream = connect_from(ASKED_FROM, to)?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    stream.write_all(attacks::request(path, key, "Connection: close\r\n").as_bytes())?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    if said.starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    let line = said.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Err(io::Error::other(format!("{path}: {}", String::from_utf8_lossy(line))))
}

/// A row of the table.
struct Row {
    name: &'static str,
    clients: usize,
    before: Seen,
    during: Seen,
    peak: f64,
    after: f64,
}

impl Row {
    /// Tells how many figures are over their goals.
    fn print(&self) -> usize {
        let (before, during) = (&self.before, &self.during);
        let mut over = 0;
        let mut marked = |value: f64, goal: f64, failed: usize| {
            let is_over = value > goal || failed > 0;
            over += usize::from(is_over);
            let failed = if failed > 0 {
                format!(" {failed} failed")
            } else {
                String::new()
            };
            format!("{value:.0}{}{failed}", if is_over { " over" } else { "" })
        };
        let mut pair = |before: &Times, during: &Times, goal: f64| {
            let held = marked(during.slowest(), goal, during.failed);
            format!("{:.0}, {held} (p50 {:.0})", before.slowest(), during.median())
        };
        let ready = pair(&before.ready, &during.ready, READY_MILLIS_MAX);
        let stats = pair(&before.stats, &during.stats, STATS_MILLIS_MAX);
        let mail = pair(&before.mail, &during.mail, MAIL_MILLIS_MAX);
        let (peak, after) = (
            marked(self.peak, PEAK_MEBIBYTES_MAX, 0),
            marked(self.after, AFTER_MEBIBYTES_MAX, 0),
        );
        println!(
            "{:13} {:7} {ready:>24} {stats:>23} {mail:>22} {peak:>6} {after:>7}",
            self.name, self.clients
        );
        let (before, during) = (
            [&before.ready, &before.stats, &before.mail],
            [&during.ready, &during.stats, &during.mail],
        );
        for why in before
            .into_iter()
            .chain(during)
            .filter_map(|times| times.why.as_deref())
        {
            println!("              failed: {}", why.trim());
        }
        over
    }
}
