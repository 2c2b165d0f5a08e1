//! The whole program as a mail server: killed, traced, told to stop, sent to by other programs.

mod crash;
mod ingest;
mod leaving;
mod postfix;
mod serving;
mod small_disk;
mod trace;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use tallymark::base::{DomainId, Mode};
use tallymark::store::{Location, Page, ReportFilter, Store};
use tallymark::tally::Totals;

use super::store::{ALL_DAYS, NOW, new_domain};

/// A database with the account `default` and its domain example.com, in a folder of its own.
pub struct Installation {
    folder: tempfile::TempDir,
    pub domain: DomainId,
    pub rua: String,
}

impl Installation {
    pub async fn new() -> Self {
        Self::new_in(&std::env::temp_dir()).await
    }

    /// The folder is made below `parent`.
    pub async fn new_in(parent: &Path) -> Self {
        let folder = tempfile::tempdir_in(parent).unwrap();
        let store = open(folder.path()).await;
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap();
        let domain = store
            .add_domain(account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
        store.close().await;
        Self {
            rua: format!("{}@rua.tally.example", domain.rua_token),
            domain: domain.id,
            folder,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `tallymark serve` on free ports, without checks that ask name servers.
    pub fn serve(&self, program: impl AsRef<std::ffi::OsStr>, smtp: SocketAddr) -> Command {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--lmtp", "127.0.0.1:0"]);
        command.args(["--smtp", &smtp.to_string()]);
        self.settings(&mut command);
        command
    }

    /// Where the database is, and what all tests set.
    pub fn settings(&self, command: &mut Command) {
        command.env("TALLYMARK__DATABASE__DIR", self.path());
        command.env("TALLYMARK__PROVENANCE__CHECK", "false");
        command.env("TALLYMARK__INSTALLATION__HOST", "tally.example");
        command.env("TALLYMARK__INSTALLATION__RUA_HOST", "rua.tally.example");
        command.env("TALLYMARK__SMTP__FREE_DISK_BYTES_MIN", "1");
    }

    /// `tallymark` itself.
    pub fn start(&self) -> Program {
        Program::start(self.serve(env!("CARGO_BIN_EXE_tallymark"), any_port()))
    }

    pub async fn store(&self) -> Store {
        open(self.path()).await
    }

    /// Messages by report id, once no program has the database any more; sums agree with each other.
    pub async fn counted(&self) -> HashMap<String, u64> {
        let store = self.store().await;
        let (mut counted, mut sum) = (HashMap::new(), Totals::default());
        for page in 1.. {
            let rows = Page { page, per_page: 50_000 };
            let (reports, total) = store
                .reports(self.domain, &ReportFilter::default(), rows)
                .await
                .unwrap();
            for report in &reports {
                sum.add(&report.totals);
                let before = counted.insert(report.report_id.clone(), report.totals.pass + report.totals.fail);
                assert_eq!(before, None, "{} is there twice", report.report_id);
            }
            if counted.len() as u64 == total {
                break;
            }
            assert!(!reports.is_empty());
        }
        assert_eq!(store.stats(self.domain, ALL_DAYS).await.unwrap().totals, sum);
        assert_eq!(store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
        store.close().await;
        counted
    }
}

async fn open(folder: &Path) -> Store {
    Store::open(Location::File(folder.join("tallymark.sqlite")))
        .await
        .unwrap()
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A port that is free now, for programs that must find it again.
pub fn free_port() -> SocketAddr {
    std::net::TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

/// A program that serves, and is killed when the test has done with it.
pub struct Program {
    child: Child,
    pub http: SocketAddr,
    pub smtp: SocketAddr,
    pub lmtp: SocketAddr,
    /// What it logs. To be read, or to be kept short: a full pipe holds the program up.
    pub log: Lines<BufReader<ChildStderr>>,
}

impl Program {
    /// Starts it and waits until it says where it listens.
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut found = HashMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((protocol, address)) = line.strip_prefix("Listening on ").and_then(|at| at.split_once("://")) {
                found.insert(protocol.to_owned(), address.parse().unwrap());
            }
            if found.len() == 3 {
                break;
            }
        }
        let at = |protocol: &str| {
            *found
                .get(protocol)
                .unwrap_or_else(|| panic!("{command:?} did not start"))
        };
        Self {
            http: at("http"),
            smtp: at("smtp"),
            lmtp: at("lmtp"),
            log,
            child,
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Reads the log up to a line with this in it.
    pub fn logs(&mut self, what: &str) -> String {
        self.log
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains(what))
            .unwrap_or_else(|| panic!("it ended without a word of {what}"))
    }

    /// As the machine's power fails.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator does it; gives what it logged meanwhile.
    pub fn stop(mut self) -> Vec<String> {
        self.signal("-TERM");
        let log = self.log.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success(), "{log:?}");
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
