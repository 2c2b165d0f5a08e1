//! The databases that benches run on: an SQLite file, or PostgreSQL through TCP or through its socket.
//!
//! The server is one of the bench's own, on the same cores, with fsync; or that of `TALLYMARK_BENCH_POSTGRES_URL`, where
//! databases are made and dropped.

#[path = "../../tests/it/postgres.rs"]
mod postgres;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

use tallymark::store::Location;

/// Which database a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    /// PostgreSQL through TCP.
    Tcp,
    /// PostgreSQL through its socket in the file system.
    Socket,
}

impl Kind {
    /// Those of a run's arguments: `sqlite`, `tcp`, `socket`, `postgres` (both of it); all if none is named.
    pub fn asked_for() -> Vec<Self> {
        let named: Vec<String> = std::env::args().skip(1).collect();
        let is_named = |names: &[&str]| named.iter().any(|name| names.contains(&name.as_str()));
        let mut kinds = Vec::new();
        let mut add = |kind, names: &[&str]| {
            if is_named(names) {
                kinds.push(kind);
            }
        };
        add(Self::Sqlite, &["sqlite"]);
        add(Self::Tcp, &["tcp", "postgres"]);
        add(Self::Socket, &["socket", "postgres"]);
        if kinds.is_empty() {
            kinds = vec![Self::Sqlite, Self::Tcp, Self::Socket];
        }
        kinds
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Tcp => "PostgreSQL, TCP",
            Self::Socket => "PostgreSQL, socket",
        }
    }
}

/// A server, started when it is first needed.
pub enum Server {
    Own(postgres::Server),
    Named(Box<PgConnectOptions>),
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a bench has no settings")]
    pub fn start() -> Self {
        match std::env::var("TALLYMARK_BENCH_POSTGRES_URL") {
            Ok(url) => Self::Named(Box::new(url.parse().expect("a URL of PostgreSQL"))),
            Err(_) => Self::Own(postgres::Server::start(postgres::Durability::Durable)),
        }
    }

    fn url(&self, kind: Kind, database: &str) -> String {
        match (self, kind) {
            (Self::Own(server), Kind::Socket) => server.url(database),
            (Self::Own(server), _) => server.tcp_url(database),
            (Self::Named(options), _) => (**options).clone().database(database).to_url_lossy().to_string(),
        }
    }

    /// CPU time of the server and all its processes so far, seconds; 0 if it is on another machine.
    pub async fn cpu_seconds(&self) -> f64 {
        let options: PgConnectOptions = self.url(Kind::Socket, "postgres").parse().expect("a URL");
        let mut conn = options.connect().await.expect("the server");
        let row = sqlx::query("select pid from pg_stat_activity where backend_type = 'checkpointer'");
        let checkpointer: i32 = row.fetch_one(&mut conn).await.expect("it has one").get(0);
        let Some(postmaster) = stat(&checkpointer.to_string()).map(|(parent, ..)| parent) else {
            return 0.0;
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ticks = processes.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (parent, own, ended) = stat(&name)?;
            match name == postmaster {
                true => Some(own + ended),
                false => (parent == postmaster).then_some(own),
            }
        });
        ticks.sum::<u64>() as f64 / 100.0
    }
}

/// CPU time of a process (its id, or "self") so far, seconds.
pub fn cpu_seconds(process: &str) -> f64 {
    stat(process).map_or(0.0, |(_, own, _)| own as f64 / 100.0)
}

/// CPU time of this process's children that have ended, seconds.
pub fn children_cpu_seconds() -> f64 {
    stat("self").map_or(0.0, |(.., ended)| ended as f64 / 100.0)
}

/// The parent of a process, and the CPU time of itself and of its ended children, hundredths of a second.
fn stat(process: &str) -> Option<(String, u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |nth: usize| fields.get(nth)?.parse::<u64>().ok();
    Some((
        (*fields.get(1)?).to_owned(),
        ticks(11)? + ticks(12)?,
        ticks(13)? + ticks(14)?,
    ))
}

/// An empty database, gone when [`Database::remove`] is called.
pub struct Database<'s> {
    pub location: Location,
    server: Option<&'s Server>,
    folder: Option<tempfile::TempDir>,
}

const NAME: &str = "tallymark_bench";

impl<'s> Database<'s> {
    pub async fn make(kind: Kind, server: Option<&'s Server>) -> Self {
        if kind == Kind::Sqlite {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
            return Self {
                location: Location::File(folder.path().join("tallymark.sqlite")),
                server: None,
                folder: Some(folder),
            };
        }
        let server = server.expect("PostgreSQL needs a server");
        let admin = server.url(kind, "postgres");
        postgres::execute(&admin, &format!("drop database if exists {NAME}")).await;
        postgres::execute(&admin, &format!("create database {NAME}")).await;
        Self {
            location: Location::Server(server.url(kind, NAME)),
            server: Some(server),
            folder: None,
        }
    }

    /// What takes the space: bytes by table or index, largest first. `dbstat` is a table that SQLite makes up.
    pub async fn tables(&self) -> Vec<(String, i64)> {
        match &self.location {
            Location::File(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut conn = options.connect().await.expect("the database");
                let text =
                    "select name, sum(pgsize) from dbstat group by name having sum(pgsize) > 100000 order by 2 desc";
                let rows = sqlx::query(text).fetch_all(&mut conn).await.expect("its pages");
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
            Location::Server(url) => {
                let options: PgConnectOptions = url.parse().expect("a URL of PostgreSQL");
                let mut conn = options.connect().await.expect("the database");
                let text = "select coalesce(of_toast.relname, c.relname)::text, sum(pg_relation_size(c.oid))::bigint
                    from pg_class c left join pg_class of_toast on of_toast.reltoastrelid = c.oid
                    where c.relkind in ('r', 'i', 't') and pg_relation_size(c.oid) > 100000
                        and (c.relnamespace = 'public'::regnamespace or of_toast.relnamespace = 'public'::regnamespace)
                    group by 1 order by 2 desc";
                let rows = sqlx::query(text).fetch_all(&mut conn).await.expect("its pages");
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }

    /// All of it, bytes.
    pub async fn bytes(&self) -> u64 {
        match &self.location {
            Location::File(path) => std::fs::metadata(path).expect("the database").len(),
            Location::Server(_) => self.tables().await.iter().map(|(_, bytes)| bytes.unsigned_abs()).sum(),
        }
    }

    pub async fn remove(self) {
        if let Some(server) = self.server {
            let admin = server.url(Kind::Tcp, "postgres");
            postgres::execute(&admin, &format!("drop database if exists {NAME} with (force)")).await;
        }
        drop(self.folder);
    }
}
