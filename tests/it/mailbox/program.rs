//! The program, running, and waiting for what it does.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything may take to happen, other tests running beside.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for a thing that happens elsewhere.
pub fn until(what: &str, happened: impl FnMut() -> bool) {
    until_or(|| what.to_owned(), happened);
}

/// The same; what is said if it does not happen is asked for then, and not before.
#[expect(clippy::disallowed_methods, reason = "a limit for the test itself")]
pub fn until_or(say: impl Fn() -> String, mut happened: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < PATIENCE, "not in time: {}", say());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// `tallymark serve`, running.
pub struct Tallymark {
    pub child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Tallymark {
    /// Starts it on `t.toml` in the folder. What it logs is added to `log` there.
    pub fn start(folder: &Path) -> Self {
        let log = folder.join("log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
            .current_dir(folder)
            .args(["--config", "t.toml", "serve", "--listen", "127.0.0.1:0"])
            // The reports of tests are as old as they are.
            .env("TALLYMARK__RETENTION__RECORDS_DAYS", "36500")
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse();
        let address = address.unwrap_or_else(|_| panic!("{line} {}", fs::read_to_string(&log).unwrap()));
        Self { child, address, log }
    }

    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// What `/readyz` says about a source.
    pub fn source(&self, name: &str) -> Value {
        let body = self.get("/readyz");
        let start = body.find('{').unwrap();
        let ready: Value = serde_json::from_str(&body[start..=body.rfind('}').unwrap()]).unwrap();
        let sources = ready["feeds"].as_array().cloned().unwrap_or_default();
        sources
            .into_iter()
            .find(|source| source["name"] == name)
            .unwrap_or_default()
    }

    /// A figure of `/metrics`; 0 if it is not there.
    pub fn metric(&self, line: &str) -> u64 {
        let metrics = self.get("/metrics");
        let found = metrics
            .lines()
            .find_map(|other| other.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or(0)
    }

    /// Waits until the source fails for this reason.
    pub fn fails(&self, name: &str, reason: &str) {
        until_or(
            || format!("{name} fails with {reason}, {}", self.log()),
            || self.source(name)["reason"] == reason,
        );
    }

    /// Peak resident memory, MiB.
    pub fn peak_mebibytes(&self) -> u64 {
        peak_mebibytes(self.child.id()).expect("it runs")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator does.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status:?} {}", self.log());
    }
}

impl Drop for Tallymark {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Peak resident memory of a process, MiB; `None` if it does not run.
pub fn peak_mebibytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}
