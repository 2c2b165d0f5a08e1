//! The program's API over a real socket, on a real database in a folder of its own.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, DomainId, DomainName, Mode, Permission};
use tallymark::dns::Dns;
use tallymark::domains::{Domains, DomainsOptions, Keyring, ServiceNames, public_id, rua_token};
use tallymark::http::{AppState, ConnectionLimits, HttpConfig, router, serve_within};
use tallymark::ingest::{Belonging, FreshDomain, Intake, IntakeOptions, RawMessage};
use tallymark::keys::ApiSecret;
use tallymark::metrics::Metrics;
use tallymark::notify::{ChannelOptions, Targets};
use tallymark::outbound::{Client, Guard, OutboundSettings, connector};
use tallymark::page::{self, PageOptions};
use tallymark::store::{Begun, FindingChange, FindingKind, NewKey, RequestMemory, RequestName, Store, StoredFinding};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::{Answer, Ask};

/// 2026-03-23T10:00:00Z, a Monday.
pub const NOW: i64 = 1_774_260_000_000;

const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A running API with one account and a key with full access to it.
pub struct TestApp {
    pub address: SocketAddr,
    pub store: Store,
    pub clock: Clock,
    pub account: AccountId,
    pub key: String,
    /// The way in that other doors than the API use.
    pub intake: Intake,
    /// Reaches receivers on this machine.
    pub targets: Targets,
    /// Where the database is.
    pub folder: tempfile::TempDir,
    serving: JoinHandle<std::io::Result<()>>,
    stop: DropGuard,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other limits than the usual ones.
    pub async fn start_with(change: impl FnOnce(&mut HttpConfig)) -> Self {
        Self::start_as(change, None).await
    }

    /// With other limits, and name servers to ask.
    pub async fn start_as(change: impl FnOnce(&mut HttpConfig), dns: Option<Dns>) -> Self {
        Self::start_page(change, dns, PageOptions::default()).await
    }

    /// With other limits to its connections.
    pub async fn start_within(limits: ConnectionLimits) -> Self {
        Self::start_all(|_| {}, |_| {}, PageOptions::default(), limits, targets).await
    }

    /// With webhooks and channels that are served in another way.
    pub async fn start_telling(targets: impl FnOnce(&Store, &Clock, &Metrics) -> Targets) -> Self {
        let (page, limits) = (PageOptions::default(), ConnectionLimits::default());
        Self::start_all(|_| {}, |_| {}, page, limits, targets).await
    }

    /// With name servers to ask, and keys for domains.
    pub async fn start_signing(dns: Dns) -> Self {
        let signing = |options: &mut DomainsOptions| {
            options.dns = Some(dns);
            options.keyring = Some(Keyring::from_keys([MASTER], "a test").unwrap());
        };
        let (page, limits) = (PageOptions::default(), ConnectionLimits::default());
        Self::start_all(|_| {}, signing, page, limits, targets).await
    }

    /// With a page that is used in another way than the usual one.
    pub async fn start_page(change: impl FnOnce(&mut HttpConfig), dns: Option<Dns>, page_options: PageOptions) -> Self {
        let asking = |options: &mut DomainsOptions| options.dns = dns;
        Self::start_all(change, asking, page_options, ConnectionLimits::default(), targets).await
    }

    async fn start_all(
        change: impl FnOnce(&mut HttpConfig),
        domains: impl FnOnce(&mut DomainsOptions),
        page_options: PageOptions,
        limits: ConnectionLimits,
        targets: impl FnOnce(&Store, &Clock, &Metrics) -> Targets,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("tallymark.sqlite")).await.unwrap();
        let (clock, metrics) = (Clock::fixed(NOW), Metrics::new());
        let mut options = IntakeOptions::new(fresh);
        // Pages are looked at with figures of any size.
        options.limits.admission.report_messages_max = u64::MAX;
        let (intake, _) = Intake::start(clock.clone(), store.clone(), metrics.clone(), options);

        let service = DomainName::parse("tally.example").unwrap();
        let rua_host = DomainName::parse("rua.tally.example").unwrap();
        let names = ServiceNames::of_one_node(&service, &rua_host);
        let mut options = DomainsOptions::new(names);
        domains(&mut options);
        let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
        let targets = targets(&store, &clock, &metrics);
        // The clock stands still, so a rate would never recover.
        let mut config = HttpConfig {
            rate: None,
            ..HttpConfig::default()
        };
        change(&mut config);
        let state = AppState::new(store.clone(), intake.clone(), domains, clock.clone(), metrics, config)
            .with_targets(targets.clone());

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = page::router_with(router(state), store.clone(), clock.clone(), page_options);
        let serving = tokio::spawn(serve_within(limits, listener, router, stop.clone().cancelled_owned()));

        let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
        let key = add_key(&store, account, Permission::FullAccess, None).await;
        Self {
            address,
            store,
            clock,
            account,
            key,
            folder,
            serving,
            intake,
            targets,
            stop: stop.drop_guard(),
        }
    }

    pub async fn key(&self, permission: Permission, domain: Option<DomainId>) -> String {
        add_key(&self.store, self.account, permission, domain).await
    }

    /// Another account with a key of full access.
    pub async fn stranger(&self) -> (AccountId, String) {
        let account = self.store.add_account("stranger", Mode::Live, NOW).await.unwrap().id;
        (
            account,
            add_key(&self.store, account, Permission::FullAccess, None).await,
        )
    }

    /// Tells the API to stop and waits until it has.
    pub async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap().unwrap();
    }

    pub async fn send(&self, ask: Ask) -> Answer {
        ask.send(self.address).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Ask::new("GET", path).key(&self.key)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Ask::new("POST", path).key(&self.key).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Ask::new("DELETE", path).key(&self.key)).await
    }

    /// Adds a domain and gives its public id.
    pub async fn add_domain(&self, name: &str) -> String {
        let body = self.post("/domains", &json!({ "name": name })).await.expect(201);
        body["id"].as_str().unwrap().to_owned()
    }

    /// Begins a request with the app's key in the database, as a node does that dies before it answers.
    pub async fn begin(&self, path: &str, name: &str, body: &Value) -> (RequestName, [u8; 16]) {
        let keys = self.store.keys(self.account).await.unwrap();
        let request = RequestName {
            key: keys[0].id,
            scope: Sha256::digest(format!("{path}\0{name}")).into(),
        };
        let hash = Sha256::digest(body.to_string()).into();
        let memory = RequestMemory {
            forgotten: 0,
            given_up: 0,
        };
        let begun = self.store.begin_request(&request, &hash, &[7; 16], NOW, memory).await;
        assert_eq!(begun.unwrap(), Begun::First);
        (request, [7; 16])
    }

    /// The number behind a public id.
    pub async fn domain_id(&self, public_id: &str) -> DomainId {
        self.store.domain(self.account, public_id).await.unwrap().unwrap().id
    }

    /// Submits other mail to the domain, as a mail server would; returns its number.
    pub async fn mail(&self, public_id: &str, bytes: impl Into<Vec<u8>>) -> i64 {
        let raw = RawMessage {
            bytes: bytes.into(),
            received_at: NOW,
            origin: "192.0.2.1:25 mx.example, from <a@b.example>".to_owned(),
            belonging: Belonging::Domain(self.account, self.domain_id(public_id).await),
            envelope: None,
        };
        self.intake.submit(raw).await.unwrap().set_aside[0].id.0
    }

    /// Makes an open finding about a service of a domain; returns its id.
    pub async fn find(&self, public_id: &str, service: &str) -> String {
        let domain = self.store.domain(self.account, public_id).await.unwrap().unwrap();
        let found = |_: &[StoredFinding]| {
            let finding = StoredFinding {
                no: None,
                kind: FindingKind::ServiceBroken,
                subject: service.to_owned(),
                is_open: true,
                opened_at: NOW,
                ended_at: None,
                told_at: NOW,
                detail: json!({}),
                data: json!({ "service": service, "since": "2026-03-20", "message_count": 1_200, "fail_count": 340 }),
                snooze: None,
            };
            vec![FindingChange { finding, event: None }]
        };
        self.store.judge_domain(&domain, NOW, &found).await.unwrap();
        let list = self.get("/findings?per_page=1").await.expect(200);
        list["findings"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Makes a finding: the DMARC record in DNS changed `days_ago` days ago.
    pub async fn change_record(&self, public_id: &str, days_ago: i64, (before, after): (&str, &str)) {
        let domain = self.store.domain(self.account, public_id).await.unwrap().unwrap();
        let at = NOW - days_ago * 86_400_000;
        let found = |_: &[StoredFinding]| {
            let finding = StoredFinding {
                no: None,
                kind: FindingKind::RecordChanged,
                subject: "dmarc".to_owned(),
                is_open: false,
                opened_at: at,
                ended_at: Some(at),
                told_at: at,
                detail: json!({ "found": [after] }),
                data: json!({ "record": "dmarc", "before": [before], "after": [after], "verified": true, "problem": null }),
                snooze: None,
            };
            vec![FindingChange { finding, event: None }]
        };
        self.store.judge_domain(&domain, NOW, &found).await.unwrap();
    }

    /// Hands a report in and gives the answer, which must be 201.
    pub async fn upload(&self, public_id: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let ask = Ask::new("POST", &format!("/domains/{public_id}/dmarc/reports")).key(&self.key);
        self.send(ask.body("application/octet-stream", bytes)).await.expect(201)
    }
}

/// With a key of their own: domains that have one get DKIM keys, which take long to make.
pub fn targets(store: &Store, clock: &Clock, metrics: &Metrics) -> Targets {
    let mut options = DomainsOptions::new(ServiceNames::new(None, None));
    options.keyring = Some(Keyring::from_keys([MASTER], "a test").unwrap());
    let keys = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
    let guard = Guard::new(outbound(), None);
    let client = Client::for_customers(connector(None).unwrap(), guard.clone());
    Targets::new(&keys, metrics.clone(), guard, Some(client), ChannelOptions::default())
}

/// Receivers on this machine may be named, on any port and without TLS.
pub fn outbound() -> OutboundSettings {
    OutboundSettings {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ports: (1..=u16::MAX).collect(),
        allow_http: true,
        exchange_time_max: std::time::Duration::from_secs(30),
        ..OutboundSettings::default()
    }
}

async fn add_key(store: &Store, account: AccountId, permission: Permission, domain: Option<DomainId>) -> String {
    let secret = ApiSecret::generate(Mode::Live, &random());
    let key = NewKey {
        name: "test".to_owned(),
        permission,
        domain,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    store.add_key(account, key, NOW).await.unwrap();
    secret.reveal().to_owned()
}

fn fresh() -> FreshDomain {
    FreshDomain {
        public_id: public_id(&random()),
        rua_token: rua_token(&random()),
    }
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
