//! The database fails under a running node: clients are told to come again, and it works again as soon as it can.

use super::{Cluster, Node};
use crate::postgres::Durability;

const SMTP: [&str; 2] = ["--smtp", "127.0.0.1:0"];

/// Refused for now, which must be true: the same report is new when it comes again.
async fn is_refused_for_now(cluster: &Cluster, node: &Node, nth: u64) {
    let answer = cluster.upload(node.http, nth).await.expect("an answer");
    assert_eq!(answer.status, 503, "{nth}: {}", answer.text());
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(cluster.mail(node.smtp.unwrap(), nth).await, Some(451), "{nth}");
}

async fn is_taken(cluster: &Cluster, node: &Node, nth: u64) {
    let answer = cluster.upload(node.http, nth).await.expect("an answer");
    let taken = answer.expect(201);
    assert_eq!(taken["reports"][0]["outcome"], "stored", "{nth}");
    // The same by mail is taken, too, and a duplicate.
    assert_eq!(cluster.mail(node.smtp.unwrap(), nth).await, Some(250), "{nth}");
}

#[tokio::test]
async fn a_server_that_is_down_is_a_503_until_it_is_back() {
    let cluster = Cluster::start(Durability::Hurried, "").await;
    let node = cluster.node(&SMTP);
    is_taken(&cluster, &node, 0).await;
    for nth in 1..=2 {
        cluster.server.stop();
        is_refused_for_now(&cluster, &node, nth).await;
        for path in ["/readyz", "/domains"] {
            let answer = node.get(path, &cluster.key).await;
            assert_eq!(answer.status, 503, "{path}");
            assert!(answer.header("retry-after").is_some(), "{path}");
        }
        assert_eq!(node.get("/healthz", "").await.status, 200, "the process is well");
        cluster.server.start_again();
        is_taken(&cluster, &node, nth).await;
        assert_eq!(node.get("/readyz", "").await.status, 200);
    }
    node.stop();
    assert_eq!(cluster.verify()["reports"], 3);
}

#[tokio::test]
async fn a_failover_is_a_503_until_it_is_over() {
    let cluster = Cluster::start(Durability::Hurried, "").await;
    let node = cluster.node(&SMTP);
    is_taken(&cluster, &node, 0).await;
    // The old primary takes no writes any more; then every session ends, as when the name points to another server.
    let end_sessions = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tallymark'";
    let read_only = format!(
        "alter database {} set default_transaction_read_only = on",
        cluster.database
    );
    cluster.execute(&read_only).await;
    cluster.execute(end_sessions).await;
    is_refused_for_now(&cluster, &node, 1).await;
    let reset = format!("begin read write; {}; commit", read_only.replace("= on", "= off"));
    cluster.execute(&reset).await;
    cluster.execute(end_sessions).await;
    is_taken(&cluster, &node, 1).await;
    node.stop();
    assert_eq!(cluster.verify()["messages"], 1 + 2);
}

#[tokio::test]
async fn whatever_undoes_a_transaction_is_a_503() {
    let cluster = Cluster::start(Durability::Hurried, "options[lock_timeout]=200ms").await;
    let node = cluster.node(&SMTP);
    // Disk full, out of memory, deadlock, serialization, lock, cancelled, shutting down, I/O.
    let codes = ["53100", "53200", "40P01", "40001", "55P03", "57014", "57P01", "58030"];
    for (code, nth) in codes.into_iter().zip(0..) {
        let fault = format!(
            "create or replace function fault() returns trigger language plpgsql as
                $$ begin raise exception 'a test' using errcode = '{code}'; end $$;
            create trigger fault before insert on records execute function fault()"
        );
        cluster.execute(&fault).await;
        is_refused_for_now(&cluster, &node, nth).await;
        cluster.execute("drop trigger fault on records").await;
        is_taken(&cluster, &node, nth).await;
    }
    // At the commit itself, which is the last moment: a constraint that is looked at only then.
    cluster
        .execute(
            "create function late() returns trigger language plpgsql as
                $$ begin raise exception 'a test' using errcode = '53100'; end $$;
            create constraint trigger late after insert on reports deferrable initially deferred
                for each row execute function late()",
        )
        .await;
    is_refused_for_now(&cluster, &node, 100).await;
    cluster.execute("drop trigger late on reports").await;
    is_taken(&cluster, &node, 100).await;
    node.stop();
    assert_eq!(cluster.verify()["reports"], codes.len() + 1);
}
