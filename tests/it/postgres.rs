//! A PostgreSQL server of the tests' own, from Debian's package `postgresql`: started once per run of the tests, gone with it.
//!
//! A process may end in any way and leave nothing behind: a keeper waits for the end of the server's user, then stops the
//! server and removes its folder. Without the package a test fails; it is never skipped.
//!
//! `cargo nextest` runs each test in a process of its own. They share one server, because starting one takes longer than most
//! tests do; each has its own databases.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

/// A running server.
pub struct Server {
    folder: PathBuf,
    user: Option<User>,
    port: u16,
    options: String,
    /// Its pipe is the server's life. `None` for a server of the whole run.
    keeper: Option<Child>,
}

/// Whom the server runs as when the tests run as root, which it refuses.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// Does a commit wait for the disk? Only where a test kills the machine, as it were; the rest is in a hurry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Hurried,
    Durable,
}

impl Server {
    /// The one that tests share.
    #[allow(clippy::disallowed_methods, reason = "a run of tests has no settings")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("NEXTEST_RUN_ID") {
            Ok(run) => Self::of_run(&run),
            Err(_) => Self::start(Durability::Hurried),
        })
    }

    /// The server of a run of nextest: the first test that asks starts it, and its keeper waits for the end of the run.
    #[expect(clippy::zombie_processes, reason = "the keeper is to outlive this process")]
    fn of_run(run: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = fs::File::create(folder.join("postgres.lock")).unwrap();
        lock.lock().unwrap();
        let note = folder.join("postgres.run");
        let known = fs::read_to_string(&note).unwrap_or_default();
        let known: Vec<_> = known.lines().collect();
        if let [of, port, folder] = known[..]
            && of == run
        {
            return Self {
                folder: folder.into(),
                user: user(),
                port: port.parse().unwrap(),
                options: String::new(),
                keeper: None,
            };
        }
        let server = Self::prepared(Durability::Hurried, None);
        let runner = std::os::unix::process::parent_id();
        let wait = format!("tail --pid={runner} -f /dev/null");
        // In a group of its own: the group of a test that takes too long is killed.
        server.keep(&wait, |keeper| keeper.process_group(0));
        server.start_again();
        let line = format!("{run}\n{}\n{}\n", server.port, server.folder.display());
        fs::write(&note, line).unwrap();
        server
    }

    /// A server of the caller's own.
    pub fn start(durability: Durability) -> Self {
        Self::start_with(durability, None)
    }

    /// With a certificate and its key, PEM, the server speaks TLS as well.
    pub fn start_with(durability: Durability, identity: Option<(&str, &str)>) -> Self {
        let mut server = Self::prepared(durability, identity);
        server.keeper = Some(server.keep("cat >/dev/null", |keeper| keeper.stdin(Stdio::piped())));
        server.start_again();
        server
    }

    /// A server that does not run yet, and that nobody keeps.
    fn prepared(durability: Durability, identity: Option<(&str, &str)>) -> Self {
        let user = user();
        let folder = tempfile::Builder::new()
            .prefix("tallymark-pg")
            .tempdir()
            .unwrap()
            .keep();
        own(&folder, user);
        copy(&template(user, durability), &folder.join("data"), user);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={} -c max_connections=200",
            folder.display()
        );
        if durability == Durability::Hurried {
            options += " -c fsync=off -c full_page_writes=off";
        }
        if let Some((certificate, key)) = identity {
            options += " -c ssl=on";
            for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
                let path = folder.join("data").join(name);
                fs::write(&path, pem).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                own(&path, user);
            }
        }
        Self {
            folder,
            user,
            port,
            options,
            keeper: None,
        }
    }

    /// Starts a keeper, which stops the server when this command ends.
    fn keep(&self, wait: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> Child {
        let stop = format!("{wait}; \"$0\" -D \"$1/data\" -m immediate -s stop; rm -rf \"$1\"");
        let mut keeper = command("sh", self.user);
        keeper.args(["-c", &stop]).arg(program("pg_ctl")).arg(&self.folder);
        with(&mut keeper).spawn().expect("a shell")
    }

    /// Starts it after [`Self::stop`].
    pub fn start_again(&self) {
        self.control(&["start", "-w", "-o", &self.options]);
    }

    /// Stops it the hard way, as a crash would.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.folder.join("log");
        let done = command(program("pg_ctl"), self.user)
            .arg("-D")
            .arg(self.folder.join("data"))
            .arg("-l")
            .arg(&log)
            .args(arguments)
            .status();
        let log = || fs::read_to_string(&log).unwrap_or_default();
        assert!(done.is_ok_and(|status| status.success()), "{arguments:?}: {}", log());
    }

    /// The server through its socket in the file system, which is the faster way.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://tallymark@localhost:{}/{database}?host={}",
            self.port,
            self.folder.display()
        )
    }

    /// The server through TCP.
    pub fn tcp_url(&self, database: &str) -> String {
        format!("postgres://tallymark@127.0.0.1:{}/{database}", self.port)
    }

    /// The server through TCP by its name, which a certificate may be for.
    pub fn named_url(&self, database: &str) -> String {
        format!("postgres://tallymark@localhost:{}/{database}", self.port)
    }

    /// Makes an empty database; gives its name. Drops those of processes that have ended.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut conn = connect(&self.url("postgres")).await;
        if nth == 0 {
            let left = "select datname from pg_database where datname like 'test\\_%'";
            let left: Vec<String> = sqlx::query_scalar(left).fetch_all(&mut conn).await.unwrap();
            let has_ended = |name: &&String| {
                let process = name.split('_').nth(1);
                process.is_some_and(|process| !Path::new("/proc").join(process).exists())
            };
            for name in left.iter().filter(has_ended) {
                // Another process may be about to do the same.
                let statement = AssertSqlSafe(format!("drop database if exists {name} with (force)"));
                let _ = sqlx::raw_sql(statement).execute(&mut conn).await;
            }
        }
        let name = format!("test_{}_{nth}", std::process::id());
        let statement = AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        name
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// Runs a statement behind the program's back.
pub async fn execute(url: &str, statement: &str) {
    let mut conn = connect(url).await;
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

fn command(program: impl AsRef<std::ffi::OsStr>, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// `postgres` or `nobody`, if this is root.
fn user() -> Option<User> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let all = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = all.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some(User {
            uid: numbers.next()??,
            gid: numbers.next()??,
        })
    };
    Some(
        of("postgres")
            .or_else(|| of("nobody"))
            .expect("a user that is not root"),
    )
}

/// A program of the newest server that is installed.
pub fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.max_by_key(|entry| {
        let version = entry.file_name().into_string().ok();
        version.and_then(|version| version.parse::<u32>().ok())
    });
    let path = newest.map(|entry| entry.path().join("bin").join(name));
    path.filter(|path| path.exists())
        .expect("PostgreSQL is needed: apt-get install postgresql")
}

/// A database cluster to copy, made once and kept with the other build products: making one takes a second.
fn template(user: Option<User>, durability: Durability) -> PathBuf {
    let version = program("initdb").display().to_string().replace('/', "-");
    // Where durability counts the log is as large as it is in life, and so are the pauses between checkpoints.
    let segment = if durability == Durability::Durable { 16 } else { 1 };
    let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("template{version}-{segment}"));
    if template.exists() {
        return template;
    }
    let folder = tempfile::tempdir().unwrap();
    own(folder.path(), user);
    let made = folder.path().join("data");
    let done = command(program("initdb"), user)
        .arg("-D")
        .arg(&made)
        .args(["-U", "tallymark", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        .arg(format!("--wal-segsize={segment}"))
        .status();
    assert!(done.is_ok_and(|status| status.success()), "initdb failed");
    let part = template.with_extension(std::process::id().to_string());
    copy(&made, &part, None);
    // Another process may have been first: then this one is not needed.
    if fs::rename(&part, &template).is_err() {
        fs::remove_dir_all(&part).unwrap();
    }
    template
}

fn own(path: &Path, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

fn copy(from: &Path, to: &Path, user: Option<User>) {
    if from.is_dir() {
        fs::DirBuilder::new().mode(0o700).create(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()), user);
        }
    } else {
        fs::copy(from, to).unwrap();
    }
    own(to, user);
}
