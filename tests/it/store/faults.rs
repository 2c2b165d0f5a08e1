//! PostgreSQL fails in every way it knows: what was acknowledged is there, what was not is said to be unavailable, and
//! the program recovers without being started again.

use std::time::Duration;

use tallymark::base::Mode;
use tallymark::store::{Account, CommitOptions, KeepLimits, Location, Store, StoreError};

use super::{ALL_DAYS, Database, Dialect, FIRST_PAGE, KEEPING, NOW, day, fresh, message, new_domain, new_report};
use crate::postgres::{Durability, Server, execute};

struct Node {
    store: Store,
    account: Account,
    url: String,
}

impl Node {
    async fn start(server: &Server) -> Self {
        let url = server.tcp_url(&server.database().await);
        let store = Store::open(Location::parse(&url).unwrap()).await.unwrap();
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap();
        store
            .add_domain(account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
        Self { store, account, url }
    }

    /// One report of one message.
    async fn commit(&self, nth: i64) -> Result<(), StoreError> {
        let new = new_report(&nth.to_string(), day(nth), &[("192.0.2.1", 1, true)]);
        let batch = vec![message(self.account.id, vec![new])];
        self.store.commit(batch, &KEEPING).await.map(drop)
    }

    async fn messages(&self) -> Result<u64, StoreError> {
        let domain = self.store.domains(self.account.id).await?.remove(0);
        Ok(self.store.stats(domain.id, ALL_DAYS).await?.totals.messages())
    }
}

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable_and_comes_back() {
    let server = Server::start(Durability::Hurried);
    let node = Node::start(&server).await;
    node.commit(0).await.unwrap();
    for round in 1..=2 {
        server.stop();
        let (write, read) = (node.commit(round).await, node.messages().await);
        assert!(is_unavailable(&write) && is_unavailable(&read), "{write:?} {read:?}");
        assert!(is_unavailable(&node.store.ping().await));
        server.start_again();
        // The first try works: no caller gets a connection that is known to be dead.
        node.commit(round).await.unwrap();
        assert_eq!(node.messages().await.unwrap(), round as u64 + 1);
    }
    assert_eq!(node.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_reports_survive_a_crash() {
    let server = Server::start(Durability::Durable);
    let node = std::sync::Arc::new(Node::start(&server).await);
    let mut acknowledged = 0;
    let mut sent = 0;
    for _ in 0..3 {
        let (writer, from) = (std::sync::Arc::clone(&node), sent);
        let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
        let writing = tokio::spawn(async move {
            for nth in from.. {
                match writer.commit(nth).await {
                    Ok(()) => told.send(nth).unwrap(),
                    Err(error) => {
                        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                        return nth + 1;
                    }
                }
            }
            from
        });
        // In the middle of the work: some were acknowledged, and the next is on its way.
        for _ in 0..25 {
            tell.recv().await.unwrap();
            acknowledged += 1;
        }
        server.stop();
        sent = writing.await.unwrap();
        while tell.try_recv().is_ok() {
            acknowledged += 1;
        }
        server.start_again();
        let messages = node.messages().await.unwrap();
        // What was cut off may be there: its sender sends it again, and it is a duplicate.
        assert!(
            (acknowledged..=sent as u64).contains(&messages),
            "{acknowledged} {messages} {sent}"
        );
    }
    for nth in 0..sent {
        node.commit(nth).await.unwrap();
    }
    assert_eq!(node.messages().await.unwrap(), sent as u64);
    assert_eq!(node.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

/// A failover leaves the old primary read-only for a while, and ends every session.
#[tokio::test]
async fn a_primary_that_became_read_only_is_unavailable() {
    let server = Server::start(Durability::Hurried);
    let node = Node::start(&server).await;
    let database = node.url.rsplit('/').next().unwrap();
    let postgres = server.url("postgres");
    let end_sessions = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tallymark'";
    let read_only = format!("alter database {database} set default_transaction_read_only = on");
    execute(&postgres, &read_only).await;
    execute(&postgres, end_sessions).await;
    let write = node.commit(1).await;
    assert!(is_unavailable(&write), "{write:?}");
    assert_eq!(node.messages().await.unwrap(), 0);
    execute(&postgres, &read_only.replace("= on", "= off")).await;
    execute(&postgres, end_sessions).await;
    node.commit(1).await.unwrap();
    assert_eq!(node.messages().await.unwrap(), 1);
}

#[tokio::test]
async fn whatever_undoes_a_transaction_is_unavailable_until_it_has_gone() {
    let db = Database::start(Dialect::Postgres).await;
    // Disk full, out of memory, out of connections, deadlock, serialization, lock, cancelled, shutting down, I/O.
    let codes = [
        "53100", "53200", "53300", "40P01", "40001", "55P03", "57014", "57P01", "58030",
    ];
    for (code, nth) in codes.into_iter().zip(0..) {
        let fault = format!(
            "create or replace function fault() returns trigger language plpgsql as
                $$ begin raise exception 'a test' using errcode = '{code}'; end $$;
            create trigger fault before insert on records execute function fault()"
        );
        db.execute(&fault).await;
        let sent = || {
            vec![message(
                db.account.id,
                vec![new_report(code, day(nth), &[("192.0.2.1", 1, true)])],
            )]
        };
        let refused = db.store.commit(sent(), &KEEPING).await;
        assert!(is_unavailable(&refused), "{code}: {refused:?}");
        db.execute("drop trigger fault on records").await;
        db.store.commit(sent(), &KEEPING).await.unwrap();
    }
    // What is not the server's state is a fault of ours, and said to be one.
    db.execute("alter table records rename column content to judgement")
        .await;
    let batch = vec![message(
        db.account.id,
        vec![new_report("x", day(20), &[("192.0.2.1", 1, true)])],
    )];
    let options = CommitOptions {
        now: NOW,
        keep_originals: false,
        fresh: &fresh,
        limits: KeepLimits::default(),
    };
    let refused = db.store.commit(batch, &options).await;
    assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
}

#[tokio::test]
async fn waiting_for_a_foreign_lock_is_bounded() {
    let db = Database::start(Dialect::Postgres).await;
    let Location::Server(url) = &db.location else {
        panic!("PostgreSQL was asked for")
    };
    let impatient = format!("{url}&options[lock_timeout]=200ms");
    let store = Store::open(Location::parse(&impatient).unwrap()).await.unwrap();
    let holding = url.clone();
    let (held, mut is_held) = tokio::sync::mpsc::channel(1);
    let (let_go, mut may_let_go) = tokio::sync::mpsc::channel::<()>(1);
    let holder = tokio::spawn(async move {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options: sqlx::postgres::PgConnectOptions = holding.parse().unwrap();
        let mut conn = options.connect().await.unwrap();
        let mut transaction = conn.begin().await.unwrap();
        let lock = sqlx::query("select domain_id from domains for update");
        lock.execute(&mut *transaction).await.unwrap();
        held.send(()).await.unwrap();
        may_let_go.recv().await;
        transaction.rollback().await.unwrap();
    });
    is_held.recv().await.unwrap();
    let sent = || {
        vec![message(
            db.account.id,
            vec![new_report("1", day(0), &[("192.0.2.1", 1, true)])],
        )]
    };
    let refused = store.commit(sent(), &KEEPING).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    let_go.send(()).await.unwrap();
    holder.await.unwrap();
    store.commit(sent(), &KEEPING).await.unwrap();
}

/// A failover to a standby that lagged behind: the rows that a writer remembers are not there.
#[tokio::test]
async fn a_writer_that_connects_anew_remembers_nothing() {
    let db = Database::start(Dialect::Postgres).await;
    db.commit(vec![new_report("lost", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    db.execute(
        "delete from records; delete from reports; delete from evidence; delete from originals;
        delete from daily_totals; delete from daily_sources; delete from daily_facets;
        select pg_terminate_backend(pid, 20000) from pg_stat_activity
        where datname = current_database() and application_name = 'tallymark'",
    )
    .await;
    let outcome = db
        .commit(vec![new_report("kept", day(1), &[("192.0.2.1", 4, true)])])
        .await;
    let kept = outcome.reports[0].no;
    let (records, _) = db.store.records(db.domain.id, kept, FIRST_PAGE).await.unwrap();
    assert_eq!(records[0].evidence.header_from.as_deref(), Some("example.com"));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 4);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_lock_and_no_rows() {
    let db = Database::start(Dialect::Postgres).await;
    // Of six messages each: in few records, and in so many that they are copied.
    let many: Vec<_> = (0..300)
        .map(|nth| format!("10.1.{}.{}", nth / 200, nth % 200))
        .collect();
    for micros in (0..60_000).step_by(500) {
        let (nth, own) = (micros / 500, format!("10.0.0.{}", micros / 500));
        let few = [("192.0.2.1", 1, true), ("192.0.2.2", 2, false), (&*own, 3, true)];
        let many = many.iter().map(|address| (&**address, 6, true));
        let rows: Vec<_> = if nth % 2 == 0 { few.to_vec() } else { many.collect() };
        let new = new_report(&micros.to_string(), day(nth % 20), &rows);
        let batch = vec![message(db.account.id, vec![new])];
        let limit = Duration::from_micros(micros as u64);
        let _ = tokio::time::timeout(limit, db.store.commit(batch, &KEEPING)).await;
    }
    // Whole reports or nothing, and the next caller does not wait.
    let sums = db.check_sums(db.domain.id).await;
    assert_eq!(sums.messages() % 6, 0);
    db.commit(vec![new_report("last", day(30), &[("192.0.2.1", 3, true)])])
        .await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), sums.messages() + 3);
}

#[tokio::test]
async fn a_database_that_will_not_do_is_refused_with_the_reason() {
    let nobody = Store::open(Location::parse("postgres://tallymark:secret@127.0.0.1:1/x").unwrap()).await;
    assert!(matches!(nobody, Err(StoreError::Unavailable(_))), "{nobody:?}");
    for url in ["", "mysql://u:secret@h/d", "sqlite://", "/var/lib/db"] {
        let error = Location::parse(url).unwrap_err();
        assert!(matches!(error, StoreError::Location { .. }) && !error.to_string().contains("secret"));
    }
    let db = Database::start(Dialect::Postgres).await;
    db.execute(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (9999, 'of the future', true, '', 0)",
    )
    .await;
    let newer = Store::open(db.location.clone()).await;
    assert!(matches!(newer, Err(StoreError::Newer { .. })), "{newer:?}");
    let Location::Server(url) = &db.location else {
        panic!("PostgreSQL was asked for")
    };
    for (setting, value) in [("synchronous_commit", "off"), ("statement_timeout", "5s")] {
        let careless = format!("{url}&options[{setting}]={value}");
        let careless = Store::open(Location::parse(&careless).unwrap()).await;
        assert!(careless.unwrap_err().to_string().contains(setting));
    }
}

#[tokio::test]
async fn the_way_to_the_server_can_be_encrypted_and_the_server_known() {
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (known, stranger) = (made(), made());
    let identity = (known.cert.pem(), known.signing_key.serialize_pem());
    let server = Server::start_with(Durability::Hurried, Some((&identity.0, &identity.1)));
    let database = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let open = async |certificate: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let file = folder.path().join("root.pem");
        std::fs::write(&file, certificate.cert.pem()).unwrap();
        let url = server.named_url(&database);
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", file.display());
        Store::open(Location::parse(&url).unwrap()).await
    };
    let refused = open(&stranger).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    let store = open(&known).await.unwrap();
    store.ping().await.unwrap();
    let plain = "do $$ begin if exists (select 1 from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'tallymark' and not ssl) then raise 'in the clear'; end if; end $$";
    execute(&server.url(&database), plain).await;
    store.close().await;
}
