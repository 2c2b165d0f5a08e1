//! The first page of an account with 5,000 domains: what it ships, and how many questions it asks the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::subscriber::{DefaultGuard, Subscriber, set_default};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::protection::Session;
use crate::http::{Answer, Ask, FAIL, PASS, Sample, TestApp};

/// Counts the statements that run on this thread, which is the only one of the tests below.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("tallymark::store::db")
            && event.metadata().fields().field("statement").is_some()
        {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Statements {
    fn watch() -> (Self, DefaultGuard) {
        let statements = Self::default();
        let guard = set_default(tracing_subscriber::registry().with(statements.clone()));
        (statements, guard)
    }

    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Domains with messages: more than are on a page.
const ALIVE: usize = 60;
/// Accounts with more than 500 domains are told what needs attention from a search that goes on behind the page.
const FEW: usize = 600;
const MANY: usize = 5_000;

async fn first_page(app: &TestApp, session: &Session, query: &str) -> Answer {
    let ask = Ask::new("GET", &format!("/{query}"))
        .header("Cookie", &session.cookie)
        .header("Sec-Fetch-Site", "same-origin")
        .header("Accept-Encoding", "gzip");
    let page = app.send(ask).await;
    assert_eq!(page.status, 200, "{query}");
    page
}

/// Adds copies of the first domain without messages, each with a name of its own: numbers `from` to `to`.
async fn add_silent(app: &TestApp, (from, to): (usize, usize)) {
    let columns = "public_id, account_id, name, status, region, tls_mode, open_tracking, click_tracking, inbound_enabled, catch_all, \
                   rua_token, created_at, updated_at, next_check_at, claim_due";
    let values = "'dom_' || substr('0000000000000000' || n, -16), account_id, 'silent' || n || '.example', status, region, tls_mode, \
                  open_tracking, click_tracking, inbound_enabled, catch_all, 'silent' || n, created_at, updated_at, next_check_at, 0";
    let statement = format!(
        "insert into domains ({columns}) with recursive numbers (n) as (select {from} union all select n + 1 from numbers where n < {to}) \
         select {values} from domains, numbers where name = 'alive0.example'"
    );
    crate::sqlite(&app.folder.path().join("tallymark.sqlite"), &statement).await;
}

#[tokio::test]
async fn five_thousand_domains_cost_the_first_page_no_more_statements_than_six_hundred() {
    let app = TestApp::start().await;
    for nth in 0..ALIVE {
        let name = format!("alive{nth}.example");
        let id = app.add_domain(&name).await;
        app.upload(&id, Sample::new(&name, "1", &[PASS, FAIL]).xml()).await;
    }
    add_silent(&app, (ALIVE + 1, FEW)).await;
    let session = Session::sign_in(&app, &app.key).await;
    // What needs attention is known from here on: the clock stands still.
    let found = app.get("/attention?kind=records_missing").await.expect(200);
    assert_eq!(found["pagination"]["total"], FEW);
    // To sort or filter by what newest reports say, those of all domains are read; here, those of the rows that are shown.
    let queries = [
        "",
        "?sort=name&fold=organisation",
        "?sort=change&page=2",
        "?search=silent4",
    ];
    let (statements, _watching) = Statements::watch();
    let mut few = Vec::new();
    for query in queries {
        first_page(&app, &session, query).await;
        few.push(statements.take());
    }
    assert!(few.iter().all(|count| (5..300).contains(count)), "{few:?} statements");
    add_silent(&app, (FEW + 1, MANY)).await;
    for (query, few) in queries.into_iter().zip(few) {
        let page = first_page(&app, &session, query).await;
        let many = statements.take();
        // Domains are named in statements a few hundred at a time.
        assert!(many <= few + 20, "{query}: {many} statements, {few} with {FEW} domains");
        assert_eq!(page.header("content-encoding"), Some("gzip"), "{query}");
        assert!(page.body.len() < 150 * 1024, "{query}: {} bytes", page.body.len());
    }
}
