//! Several nodes on one PostgreSQL: whatever they do at the same time, each report is counted once, and no transactions wait
//! in a circle.

use std::sync::Arc;

use tallymark::base::{Authenticated, DomainName, SetAsideKind};
use tallymark::store::{Belonging, Fate, NewMessage, Outcome, Store, StoreError};

use super::{Database, Dialect, FIRST_PAGE, KEEPING, NOW, day, message, new_domain, new_report, report, taken};

/// A database with two nodes, the first of which is that of `Database`.
async fn nodes() -> (Database, [Store; 2]) {
    let db = Database::start(Dialect::Postgres).await;
    let other = Store::open(db.location.clone()).await.unwrap();
    let nodes = [db.store.clone(), other];
    (db, nodes)
}

async fn commit(store: Store, batch: Vec<NewMessage>) -> Result<Vec<Outcome>, StoreError> {
    store.commit(batch, &KEEPING).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_report_on_two_nodes_at_the_same_instant_is_one_row() {
    let (db, nodes) = nodes().await;
    for round in 0..20 {
        let sent = |store: &Store, id: &str| {
            let new = new_report(id, day(round), &[("192.0.2.1", 3, true), ("192.0.2.2", 4, false)]);
            tokio::spawn(commit(store.clone(), vec![message(db.account.id, vec![new])]))
        };
        // The same contents, once under another id.
        let all = [sent(&nodes[0], "1"), sent(&nodes[1], "1"), sent(&nodes[1], "another")];
        let mut fates = Vec::new();
        for one in all {
            fates.push(one.await.unwrap().unwrap()[0].reports[0].fate);
        }
        assert_eq!(
            fates.iter().filter(|fate| **fate == Fate::Stored).count(),
            1,
            "{fates:?}"
        );
    }
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 20 * 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_conflict_on_two_nodes_the_authenticated_one_counts() {
    let (db, nodes) = nodes().await;
    for round in 0..10 {
        let sent = |store: &Store, count: u64, authenticated| {
            let new = taken(report("1", day(round), &[("192.0.2.1", count, true)]), authenticated);
            tokio::spawn(commit(store.clone(), vec![message(db.account.id, vec![new])]))
        };
        let all = [
            sent(&nodes[0], 100, Authenticated::Unknown),
            sent(&nodes[1], 1, Authenticated::Pass),
            sent(&nodes[0], 1_000, Authenticated::Unknown),
        ];
        for one in all {
            one.await.unwrap().unwrap();
        }
    }
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 10);
}

/// Batches of the same reports for many domains, each in another order; some domains are added on sight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_any_order_do_not_wait_in_a_circle() {
    const DOMAINS: usize = 12;
    const REPORTS: usize = 5;
    let (db, nodes) = nodes().await;
    let mut running = tokio::task::JoinSet::new();
    for nth in 0..16_usize {
        let mut batch = Vec::new();
        for place in 0..DOMAINS * REPORTS {
            // 7 and 11 have no divisor in common with 60: each batch walks all in an order of its own.
            let which = (place * [7, 11, 13, 17][nth % 4] + nth) % (DOMAINS * REPORTS);
            let name = format!("d{}.example", which % DOMAINS);
            let mut one = report(
                &format!("{which}"),
                day((which / DOMAINS) as i64),
                &[("192.0.2.1", 1 + which as u64, true), ("192.0.2.2", 1, false)],
            );
            one.policy.domain = name.as_str().into();
            let mut message = message(db.account.id, vec![taken(one, Authenticated::Unknown)]);
            message.belonging = Belonging::AddDomains(db.account.id);
            batch.push(message);
            // The same mail on every node, which is nobody's report.
            let mut other = self::message(db.account.id, Vec::new());
            other.bytes = vec![u8::try_from(which).unwrap()].into();
            other.digest = tallymark::store::message_digest(other.bytes.stored());
            batch.push(other);
        }
        running.spawn(commit(nodes[nth % 2].clone(), batch));
    }
    let mut stored = 0;
    while let Some(done) = running.join_next().await {
        let outcomes = done.unwrap().unwrap();
        let reports = outcomes.iter().flat_map(|outcome| &outcome.reports);
        stored += reports.filter(|report| report.fate == Fate::Stored).count();
    }
    assert_eq!(stored, DOMAINS * REPORTS);
    let domains = db.store.domains(db.account.id).await.unwrap();
    assert_eq!(domains.len(), DOMAINS + 1);
    let mut messages = 0;
    for domain in &domains {
        messages += db.check_sums(domain.id).await.messages();
    }
    assert_eq!(messages, (1..=60).sum::<u64>() + 60);
    let page = db
        .store
        .set_aside(None, Some(SetAsideKind::Other), FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!(page.1, 60);
    assert!(page.0.iter().all(|aside| aside.arrivals == 16));
}

/// Reports come in while their domain is removed and added again: what is left belongs to what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_removed_under_a_writer_leaves_nothing_behind() {
    let (db, nodes) = nodes().await;
    let (account, writer) = (db.account.id, nodes[1].clone());
    let writing = tokio::spawn(async move {
        for nth in 0..60_i64 {
            let new = new_report(&format!("{nth}"), day(nth % 5), &[("192.0.2.1", 1, true)]);
            commit(writer.clone(), vec![message(account, vec![new])]).await.unwrap();
        }
    });
    let mut public_id = db.domain.public_id.clone();
    for _ in 0..15 {
        assert!(nodes[0].remove_domain(account, &public_id, NOW).await.unwrap());
        let added = nodes[0]
            .add_domain(account, new_domain("example.com"), NOW)
            .await
            .unwrap();
        public_id = added.public_id;
    }
    writing.await.unwrap();
    let name = DomainName::parse("example.com").unwrap();
    let domain = db.store.domain_by_name(account, &name).await.unwrap().unwrap();
    db.check_sums(domain.id).await;
    for table in [
        "reports",
        "records",
        "evidence",
        "daily_totals",
        "daily_sources",
        "paths",
        "daily_facets",
        "originals",
    ] {
        let orphans = format!(
            "do $$ begin if exists (select 1 from {table} where domain_id <> {}) then raise '{table}'; end if; end $$",
            domain.id
        );
        db.execute(&orphans).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_once() {
    let (db, nodes) = nodes().await;
    let nodes = Arc::new(nodes);
    for round in 0..10 {
        let name = format!("n{round}.example");
        let add = |nth: usize| {
            let (nodes, name, account) = (Arc::clone(&nodes), name.clone(), db.account.id);
            tokio::spawn(async move { nodes[nth].add_domain(account, new_domain(&name), NOW).await })
        };
        let (a, b) = (add(0), add(1));
        let both = [a.await.unwrap(), b.await.unwrap()];
        assert_eq!(both.iter().filter(|added| added.is_ok()).count(), 1);
        assert!(both.iter().any(|added| matches!(added, Err(StoreError::Exists(_)))));
    }
}
