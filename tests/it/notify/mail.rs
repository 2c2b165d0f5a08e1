//! Mail against a real submission service: nothing is sent to who has not agreed, nothing without TLS where it is wanted, and each
//! answer of the server means what it says.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use tallymark::base::clock::Clock;
use tallymark::base::{DomainName, DomainStatus, Purpose};
use tallymark::dns::DnsOptions;
use tallymark::domains::{Domains, DomainsOptions, Keyring, ServiceNames};
use tallymark::ingest::Envelope;
use tallymark::metrics::Metrics;
use tallymark::notify::{ChannelOptions, Targets};
use tallymark::outbound::{Client, Guard, MailSettings, Mailer, Protection, connector};
use tallymark::store::Store;
use tokio::task::spawn_blocking;

use super::letters::{PAGE, agree, field, link, parts};
use super::submission::Submission;
use super::{deliver, report};
use crate::http::{Ask, PASS, Sample, TestApp, outbound};
use crate::provenance::dns::Dns;

/// What a tenant hears of a fault of the installation.
const UNUSABLE: &str = "The installation's mail server cannot be used now";
pub const READER: &str = "me@reader.example";
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub async fn submission() -> Submission {
    spawn_blocking(Submission::start).await.unwrap()
}

/// A server that nothing listens at.
pub fn dead_server() -> MailSettings {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    MailSettings {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        protection: Protection::None,
        from: "alerts@example.com".to_owned(),
        ..MailSettings::default()
    }
}

/// What serves targets, with mail, and with webhooks on this machine.
pub fn mailing(
    settings: MailSettings,
    ca_file: Option<std::path::PathBuf>,
) -> impl Fn(&Store, &Clock, &Metrics) -> Targets {
    move |store, clock, metrics| {
        let mut options = DomainsOptions::new(ServiceNames::new(None, None));
        options.keyring = Some(Keyring::from_keys([KEY], "a test").unwrap());
        let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
        let mailer = Mailer::new(settings.clone(), connector(ca_file.as_deref()).ok());
        let channels = ChannelOptions {
            page: Some(PAGE.to_owned()),
            ..ChannelOptions::default()
        };
        let guard = Guard::new(outbound(), None);
        let client = Client::for_customers(connector(None).unwrap(), guard.clone());
        Targets::new(&domains, metrics.clone(), guard, Some(client), channels).with_mailer(mailer)
    }
}

async fn app(submission: &Submission, protection: Protection) -> (TestApp, String) {
    let targets = mailing(submission.settings(protection), Some(submission.ca_file()));
    let app = TestApp::start_telling(targets).await;
    let domain = app.add_domain("example.com").await;
    (app, domain)
}

async fn add(app: &TestApp, address: &str) -> Value {
    let config = json!({ "address": address });
    let body = json!({ "type": "email", "name": "Our alerts", "events": ["dmarc.report.received"], "config": config });
    app.post("/notification-channels", &body).await.expect(201)["channel"].clone()
}

async fn shown(app: &TestApp, channel: &Value) -> Value {
    let path = format!("/notification-channels/{}", channel["id"].as_str().unwrap());
    app.get(&path).await.expect(200)
}

async fn last_delivery(app: &TestApp, channel: &Value) -> Value {
    let path = format!("/notification-channels/{}/deliveries", channel["id"].as_str().unwrap());
    app.get(&path).await.expect(200)["deliveries"][0].clone()
}

fn mails(submission: &Submission, count: usize) -> Vec<String> {
    tokio::task::block_in_place(|| submission.mails(count))
}

/// What a mail about the report of a hostile reporter has, and has not.
fn check_mail(mail: &str) {
    assert_eq!(field(mail, "Subject"), "DMARC report for example.com");
    assert_eq!(field(mail, "From"), "Tallymark <alerts@sender.example>");
    assert_eq!(field(mail, "To"), format!("<{READER}>"));
    assert_eq!(field(mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert!(!mail.to_ascii_lowercase().contains("\nbcc:"), "{mail}");
    let [text, html] = parts(mail);
    assert!(
        text.contains("From <img src=x>") && text.contains("Messages: 7."),
        "{text}"
    );
    assert!(
        html.contains("<bdi>&lt;img src=x&gt;") && !html.contains("<img"),
        "{html}"
    );
    assert!(
        !html.contains("src=\"") && !html.contains("url("),
        "nothing is loaded: {html}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_once_its_reader_agrees_and_until_they_leave() {
    let submission = submission().await;
    for (nth, protection) in [Protection::Tls, Protection::StartTls].into_iter().enumerate() {
        let before = nth * 2;
        let (app, domain) = app(&submission, protection).await;
        let channel = add(&app, READER).await;
        assert_eq!(channel["active"], false);
        assert_eq!(channel["configSummary"]["address"], READER);
        // Nothing but the question, whatever happens and is asked for.
        report(&app, &domain, 1).await;
        deliver(&app).await;
        let path = format!("/notification-channels/{}", channel["id"].as_str().unwrap());
        let on = || Ask::new("PUT", &path).key(&app.key).json(&json!({ "enabled": true }));
        app.send(on()).await.refused(409, "conflict");
        app.post(&format!("{path}/test"), &json!({}))
            .await
            .refused(409, "conflict");
        let question = mails(&submission, before + 1).remove(before);
        assert_eq!(field(&question, "Subject"), "Do you want mail from Tallymark?");
        assert!(!question.contains("List-Unsubscribe"));
        app.send(Ask::new("GET", &link(&parts(&question)[0], "confirm"))).await;
        assert_eq!(
            shown(&app, &channel).await["active"],
            false,
            "looking at a link does nothing"
        );
        agree(&app, &question).await;
        assert_eq!(shown(&app, &channel).await["active"], true);

        let mut sample = Sample::new("example.com", "r2", &[PASS]);
        sample.rows[0].count = 7;
        sample.org_name = "&lt;img src=x&gt;&#13;&#10;.&#13;&#10;Bcc: a@b.example".to_owned();
        app.upload(&domain, sample.xml()).await;
        deliver(&app).await;
        let mail = mails(&submission, before + 2).remove(before + 1);
        check_mail(&mail);
        let delivery = last_delivery(&app, &channel).await;
        assert_eq!(
            (&delivery["success"], &delivery["statusCode"]),
            (&json!(true), &json!(250))
        );

        // One click: a program posts, without a page before (RFC 8058).
        let path = link(&field(&mail, "List-Unsubscribe"), "unsubscribe");
        assert!(app.send(Ask::new("GET", &path)).await.text().contains("Unsubscribe"));
        assert_eq!(shown(&app, &channel).await["active"], true, "looking does nothing");
        let form = "application/x-www-form-urlencoded";
        let click = Ask::new("POST", &path).body(form, "List-Unsubscribe=One-Click");
        assert_eq!(app.send(click).await.status, 200);
        let off = shown(&app, &channel).await;
        assert_eq!(
            (&off["active"], &off["disabledReason"]),
            (&json!(false), &json!("Its reader unsubscribed"))
        );
        report(&app, &domain, 3).await;
        deliver(&app).await;
        app.send(on()).await.refused(409, "conflict");
        mails(&submission, before + 2);
    }
    assert_eq!(submission.said("sasl_method=PLAIN, sasl_username=alerts"), 4);
    // Postfix delivers into its own Maildir, and nowhere else.
    assert_eq!(submission.said("status=sent (delivered to maildir)"), 4);
    assert_eq!(
        submission.said("status=bounced") + submission.said("status=deferred"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_link_does_nothing() {
    let submission = submission().await;
    let (app, _) = app(&submission, Protection::Tls).await;
    let channel = add(&app, READER).await;
    let question = mails(&submission, 1).remove(0);
    let path = link(&parts(&question)[0], "confirm");
    let token = path.rsplit_once('/').unwrap().1.to_owned();
    let other = |change: fn(&mut Vec<u8>)| {
        let mut bytes = token.clone().into_bytes();
        change(&mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    let forged = [
        other(|bytes| bytes[40] = if bytes[40] == b'A' { b'B' } else { b'A' }),
        other(|bytes| bytes[2] = if bytes[2] == b'A' { b'B' } else { b'A' }),
        other(|bytes| bytes.truncate(60)),
        other(|bytes| bytes.extend(b"AAAA")),
        "x".to_owned(),
        "%00".to_owned(),
        "a".repeat(5_000),
    ];
    for token in &forged {
        for path in [format!("/confirm/{token}"), format!("/unsubscribe/{token}")] {
            for method in ["GET", "POST"] {
                let answer = app.send(Ask::new(method, &path)).await;
                assert!([400, 404].contains(&answer.status), "{method} {path}: {answer:?}");
            }
        }
        for does in ["agree", "leave"] {
            let answer = app.send(Ask::new("POST", &format!("/mail-links/{token}/{does}"))).await;
            assert!([400, 404].contains(&answer.status), "{answer:?}");
        }
    }
    // A link of one kind is not one of the other.
    let wrong = app
        .send(Ask::new("POST", &path.replace("confirm", "unsubscribe")))
        .await;
    assert_eq!(wrong.status, 404);
    assert_eq!(shown(&app, &channel).await["active"], false);
    // After seven days it is too old. The control: before, it works.
    app.clock.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(app.send(Ask::new("POST", &path)).await.status, 404);
    let ask = format!("/notification-channels/{}/confirm", channel["id"].as_str().unwrap());
    assert_eq!(app.post(&ask, &json!({})).await.expect(200)["success"], true);
    agree(&app, &mails(&submission, 2).remove(1)).await;
    assert_eq!(shown(&app, &channel).await["active"], true);
    app.post(&ask, &json!({})).await.refused(409, "conflict");
}

/// A reader who does not want mail is asked a few times at most, whatever an account does.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_asked_a_few_times() {
    let submission = submission().await;
    let (app, _) = app(&submission, Protection::Tls).await;
    for _ in 0..5 {
        add(&app, READER).await;
    }
    add(&app, "ME@Reader.example").await;
    assert_eq!(mails(&submission, 3).len(), 3);
    let channel = add(&app, "other@reader.example").await;
    mails(&submission, 4);
    let path = format!("/notification-channels/{}/confirm", channel["id"].as_str().unwrap());
    for _ in 0..2 {
        app.post(&path, &json!({})).await.expect(200);
    }
    app.post(&path, &json!({})).await.refused(429, "rate_limit_exceeded");
    mails(&submission, 6);
    app.clock.advance(Duration::from_secs(30 * 86_400));
    app.post(&path, &json!({})).await.refused(429, "rate_limit_exceeded");
    app.clock.advance(Duration::from_secs(86_400));
    app.post(&path, &json!({})).await.expect(200);
    mails(&submission, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_switches_the_channel_off_and_one_for_now_is_tried_again() {
    let submission = submission().await;
    let (app, domain) = app(&submission, Protection::StartTls).await;
    let channel = add(&app, READER).await;
    agree(&app, &mails(&submission, 1).remove(0)).await;
    submission.answer(READER, "450 4.2.0 mailbox is full");
    report(&app, &domain, 1).await;
    deliver(&app).await;
    let delivery = last_delivery(&app, &channel).await;
    assert_eq!(
        (&delivery["statusCode"], &delivery["nextRetryAt"]),
        (&json!(450), &json!("2026-03-23T10:00:05.000Z"))
    );
    assert!(
        delivery["responseBody"].as_str().unwrap().contains("mailbox is full"),
        "{delivery}"
    );
    submission.answer("", "");
    app.clock.advance(Duration::from_secs(5));
    deliver(&app).await;
    let delivery = last_delivery(&app, &channel).await;
    assert_eq!((&delivery["success"], &delivery["attempts"]), (&json!(true), &json!(2)));
    mails(&submission, 2);

    // The sender is refused, not the reader: no channel is blamed. The control follows: an unknown reader.
    submission.answer(READER, "553 5.7.1 <alerts@sender.example>: sender address rejected");
    report(&app, &domain, 3).await;
    deliver(&app).await;
    let held = last_delivery(&app, &channel).await;
    assert!(held["responseBody"].as_str().unwrap().starts_with(UNUSABLE), "{held}");
    assert_eq!(held["attempts"], 0, "{held}");
    assert_eq!(shown(&app, &channel).await["active"], true);
    submission.answer(READER, "550 5.1.1 no such user");
    report(&app, &domain, 2).await;
    deliver(&app).await;
    let off = shown(&app, &channel).await;
    let reason = "The mail server refused the address for good (550)";
    assert_eq!(
        (&off["active"], &off["disabledReason"]),
        (&json!(false), &json!(reason))
    );
    mails(&submission, 2);
    // Its owner may switch it on: the reader agreed.
    submission.answer("", "");
    let path = format!("/notification-channels/{}", channel["id"].as_str().unwrap());
    let on = Ask::new("PUT", &path).key(&app.key).json(&json!({ "enabled": true }));
    assert_eq!(app.send(on).await.expect(200)["active"], true);
    assert_eq!(submission.said("status=bounced"), 0);
}

/// The settings are wrong, or another machine is on the way: no mail, no password, and no channel is blamed.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_the_tls_that_is_wanted() {
    let submission = submission().await;
    let (app, domain) = app(&submission, Protection::Tls).await;
    let channel = add(&app, READER).await;
    agree(&app, &mails(&submission, 1).remove(0)).await;
    report(&app, &domain, 1).await;
    let metrics = Metrics::new();
    let settings = |protection| submission.settings(protection);
    let by_address = MailSettings {
        host: "127.0.0.1".to_owned(),
        ..settings(Protection::Tls)
    };
    for (settings, ca_file) in [
        (settings(Protection::Tls), submission.other_ca_file()),
        (settings(Protection::StartTls), submission.other_ca_file()),
        (by_address, submission.ca_file()),
        (submission.stripped(), submission.ca_file()),
    ] {
        let (mail, signed_in) = (submission.said("client="), submission.said("sasl_username"));
        let targets = mailing(settings, Some(ca_file))(&app.store, &app.clock, &metrics);
        targets.deliver(|| 100).await.unwrap();
        let delivery = last_delivery(&app, &channel).await;
        assert!(
            delivery["responseBody"].as_str().unwrap().contains(UNUSABLE),
            "{delivery}"
        );
        assert_eq!(
            (&delivery["success"], &delivery["attempts"]),
            (&json!(false), &json!(0)),
            "it is not blamed"
        );
        assert_eq!(
            (submission.said("client="), submission.said("sasl_username")),
            (mail, signed_in)
        );
        app.clock.advance(Duration::from_secs(1_200));
    }
    assert_eq!(shown(&app, &channel).await["consecutiveFailures"], 0);
    // The control: with the right settings it goes out.
    deliver(&app).await;
    mails(&submission, 2);
}

/// `tls_mode` of the domain in whose name mail is sent is the operator's word, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_enforces_tls_sends_nothing_without_it() {
    let submission = submission().await;
    let (app, domain) = app(&submission, Protection::None).await;
    let own = app.add_domain("sender.example").await;
    let channel = add(&app, READER).await;
    agree(&app, &mails(&submission, 1).remove(0)).await;
    let file = app.folder.path().join("tallymark.sqlite");
    let tls = Ask::new("PATCH", &format!("/domains/{own}")).key(&app.key);
    app.send(tls.json(&json!({ "tls_mode": "enforced" }))).await.expect(200);
    // A domain that is not verified says nothing: anyone could add it.
    report(&app, &domain, 1).await;
    deliver(&app).await;
    mails(&submission, 2);
    crate::sqlite(&file, "update domains set status = 1 where name = 'sender.example'").await;
    assert_eq!(
        app.get(&format!("/domains/{own}")).await.expect(200)["status"],
        "verified"
    );
    report(&app, &domain, 2).await;
    let connections = submission.said("connect from");
    deliver(&app).await;
    let delivery = last_delivery(&app, &channel).await;
    assert!(
        delivery["responseBody"].as_str().unwrap().contains(UNUSABLE),
        "{delivery}"
    );
    assert_eq!(submission.said("connect from"), connections, "nobody is even called");
    // Over TLS it goes out.
    app.clock.advance(Duration::from_secs(1_200));
    let targets = mailing(submission.settings(Protection::StartTls), Some(submission.ca_file()));
    targets(&app.store, &app.clock, &Metrics::new())
        .deliver(|| 100)
        .await
        .unwrap();
    mails(&submission, 3);
}

/// What a receiver finds of the signature of a mail: its domain, its selector, the result.
async fn verdict(dns: &Dns, mail: String) -> (String, String, String) {
    let envelope = Envelope {
        peer: "192.0.2.1".parse().unwrap(),
        is_from_peer: true,
        helo: "sender.example".to_owned(),
        mail_from: "alerts@sender.example".to_owned(),
        tls: None,
        queue_id: String::new(),
    };
    let checked = dns
        .authenticator()
        .check(&Clock::system(), mail.into_bytes(), envelope)
        .await;
    let dkim = checked.unwrap().provenance.dkim.remove(0);
    (dkim.domain, dkim.selector, dkim.result)
}

/// The signature is that of the domain in DNS, and covers what the mail says.
#[tokio::test(flavor = "multi_thread")]
async fn mail_in_the_name_of_a_verified_domain_is_signed() {
    let submission = submission().await;
    let dns = Dns::start().await;
    let domains = |store: &Store, clock: &Clock| {
        let service = DomainName::parse("tally.example").unwrap();
        let mut names = ServiceNames::of_one_node(&service, &service);
        names.required = vec![Purpose::Dkim];
        let mut options = DomainsOptions::new(names);
        options.keyring = Some(Keyring::from_keys([KEY], "a test").unwrap());
        let servers = vec![dns.address];
        options.dns = Some(
            tallymark::dns::Dns::new(&DnsOptions {
                servers,
                ..DnsOptions::default()
            })
            .unwrap(),
        );
        Domains::new(store.clone(), clock.clone(), Metrics::new(), options)
    };
    let app = TestApp::start_telling(|store, clock, metrics| {
        let mailer = Mailer::new(
            submission.settings(Protection::Tls),
            connector(Some(&submission.ca_file())).ok(),
        );
        let page = Some(PAGE.to_owned());
        let channels = ChannelOptions {
            page,
            ..ChannelOptions::default()
        };
        let guard = Guard::new(outbound(), None);
        Targets::new(&domains(store, clock), metrics.clone(), guard, None, channels).with_mailer(mailer)
    })
    .await;
    let reported = app.add_domain("example.com").await;
    let own = app.add_domain("sender.example").await;
    add(&app, READER).await;
    let question = mails(&submission, 1).remove(0);
    assert!(!question.contains("DKIM-Signature"), "the domain is not verified");
    agree(&app, &question).await;
    let domain = app.store.domain(app.account, &own).await.unwrap().unwrap();
    let domains = domains(&app.store, &app.clock);
    let published = domains.published(&domain).await.unwrap();
    let record = published
        .records
        .iter()
        .find(|record| record.purpose == Purpose::Dkim)
        .unwrap();
    dns.text(&record.name, &record.value);
    let (domain, _) = domains.verify(&domain).await.unwrap();
    assert_eq!(domain.status, DomainStatus::Verified);

    report(&app, &reported, 1).await;
    deliver(&app).await;
    let mail = mails(&submission, 2).remove(1).replace('\n', "\r\n");
    let signed = |result: &str| ("sender.example".to_owned(), "tallymark".to_owned(), result.to_owned());
    assert_eq!(verdict(&dns, mail.clone()).await, signed("pass"));
    let other = mail.replace("Subject: DMARC", "Subject: Dmarc ");
    assert_eq!(verdict(&dns, other).await, signed("fail"), "the control");
    let without = mail.replace("List-Unsubscribe-Post", "X-Unsubscribe-Post");
    assert_eq!(
        verdict(&dns, without).await,
        signed("fail"),
        "what ends a subscription is signed, too"
    );
}

/// A server that cannot be reached delays mail, and switches nothing off.
#[tokio::test]
async fn a_dead_server_is_nobodys_fault() {
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let channel = add(&app, READER).await;
    let path = format!("/notification-channels/{}/confirm", channel["id"].as_str().unwrap());
    let asked = app.post(&path, &json!({})).await.expect(200);
    assert_eq!(asked["success"], false);
    assert!(asked["responseBody"].as_str().unwrap().contains(UNUSABLE), "{asked}");
    let waiting = shown(&app, &channel).await;
    assert_eq!(waiting["consecutiveFailures"], 0);
    let reason = waiting["disabledReason"].as_str().unwrap();
    assert!(reason.contains("could not be asked"), "{reason}");
    // Without a server no reader could agree.
    let bare = TestApp::start().await;
    let body = json!({ "type": "email", "name": "x", "events": ["*"], "config": { "address": READER } });
    bare.post("/notification-channels", &body)
        .await
        .refused(409, "conflict");
}
