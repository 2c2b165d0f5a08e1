//! Mail leaves by the one submission server of the settings, and by no other way: whatever the program connects to is seen.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::json;
use tallymark::base::{Mode, Permission};
use tallymark::keys::ApiSecret;
use tallymark::outbound::Protection;
use tallymark::store::NewKey;
use tokio::task::{block_in_place, spawn_blocking};

use super::{Installation, Program, any_port};
use crate::http::{Ask, PASS, Sample};
use crate::notify::letters::{link, parts};
use crate::notify::mail::{READER, submission};
use crate::provenance::dns::{Dns, Has};
use crate::store::NOW;

/// A key with full access to the installation's account.
async fn key(installation: &Installation) -> String {
    let store = installation.store().await;
    let account = store.accounts().await.unwrap().remove(0).id;
    let secret = ApiSecret::generate(Mode::Live, &[7; ApiSecret::RANDOM_BYTES]);
    let new = NewKey {
        name: "test".to_owned(),
        permission: Permission::FullAccess,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    store.add_key(account, new, NOW).await.unwrap();
    store.close().await;
    secret.reveal().to_owned()
}

/// The ports that a trace has the program connect or send to.
fn ports(trace: &str) -> BTreeSet<u16> {
    let called = trace.split("_port=htons(").skip(1);
    let numbers = called.filter_map(|rest| rest.split(')').next()?.parse().ok());
    // The resolver of the system tries which of several addresses it would reach, without a packet.
    numbers.filter(|port| ![0, 65_535].contains(port)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_connected_to() {
    let submission = submission().await;
    let dns = Dns::start().await;
    // A program that looked for the reader's own server would find this one.
    dns.add("reader.example", Has::Mx("mx.reader.example".to_owned()));
    dns.add("mx.reader.example", Has::Address([127, 0, 0, 77].into()));
    dns.add("reader.example", Has::Address([127, 0, 0, 77].into()));
    let installation = Installation::new().await;
    let key = key(&installation).await;
    let settings = submission.settings(Protection::StartTls);
    let serve = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    let trace = installation.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-e",
        "signal=none",
        "-e",
        "trace=connect,sendto,sendmsg,sendmmsg",
        "-o",
    ]);
    strace.arg(&trace).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        strace.env(name, value.unwrap());
    }
    for (name, value) in [
        ("LOG__FILTER", "error".to_owned()),
        ("DOMAINS__RESOLVERS", format!("[\"{}\"]", dns.address)),
        ("NOTIFY__PAGE_URL", "https://tally.example".to_owned()),
        ("OUTBOUND__CA_FILE", submission.ca_file().display().to_string()),
        ("OUTBOUND__MAIL__HOST", settings.host.clone()),
        ("OUTBOUND__MAIL__PORT", settings.port.to_string()),
        ("OUTBOUND__MAIL__TLS", "starttls".to_owned()),
        ("OUTBOUND__MAIL__USER", settings.user.clone()),
        (
            "OUTBOUND__MAIL__PASSWORD_FILE",
            settings.password_file.display().to_string(),
        ),
        ("OUTBOUND__MAIL__FROM", settings.from.clone()),
    ] {
        strace.env(format!("TALLYMARK__{name}"), value);
    }
    let program = spawn_blocking(move || Program::start(strace)).await.unwrap();
    let config = json!({ "address": READER });
    let body = json!({ "type": "email", "name": "x", "events": ["dmarc.report.received"], "config": config });
    let add = Ask::new("POST", "/notification-channels").key(&key).json(&body);
    add.send(program.http).await.expect(201);
    let question = block_in_place(|| submission.mails(1)).remove(0);
    let agreed = Ask::new("POST", &link(&parts(&question)[0], "confirm"))
        .send(program.http)
        .await;
    assert_eq!(agreed.status, 200);
    let xml = Sample::new("example.com", "r1", &[PASS]).xml();
    let report = Ask::new("POST", "/reports").key(&key).body("application/xml", xml);
    report.send(program.http).await.expect(201);
    block_in_place(|| submission.mails(2));
    program.stop_traced();
    let seen = std::fs::read_to_string(&trace).unwrap();
    let allowed = BTreeSet::from([settings.port, dns.address.port()]);
    let called = ports(&seen);
    assert!(called.contains(&settings.port), "the control: it is seen\n{seen}");
    assert!(
        called.is_subset(&allowed),
        "{called:?} and not only {allowed:?}\n{seen}"
    );
    assert!(!seen.contains("127.0.0.77"));
    let asked = dns.asked();
    assert!(!asked.iter().any(|name| name.contains("reader.example")), "{asked:?}");
}
