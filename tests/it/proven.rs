//! Reports proven to a stranger: signed by a program that is not ours, brought in three ways, and checked offline by a script of a few
//! lines that knows neither us nor the DNS.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tallymark::base::clock::{Clock, format_mail_date};

use crate::client::{add_key, python, script};
use crate::http::Ask;
use crate::mail::{Installation, Program, any_port};
use crate::mailbox::program::until;
use crate::provenance::dns::Dns;
use crate::provenance::mail::mail;
use crate::provenance::report;
use crate::smtp::Client;

/// The plans of `sign_mail.py`. The last signature of the third mail stays without a record in the DNS, as after a change of keys.
fn plan() -> Value {
    let signature = |selector: &str, domain: &str, key: &str, canonicalization: &str| json!({ "selector": selector, "domain": domain, "key": key, "canonicalization": canonicalization });
    json!({
        "smtp.eml": [signature("s2026", "one.example", "rsa-2048", "relaxed/relaxed")],
        "maildir.eml": [signature("old", "two.example", "rsa-1024", "simple/simple")],
        "import.eml": [
            signature("ed", "mail.three.example", "ed25519", "relaxed/simple"),
            signature("esp", "esp.example", "rsa-2048", "simple/relaxed"),
            signature("gone", "three.example", "rsa-2048", "relaxed/relaxed"),
        ],
    })
}

const REPORTS: [(&str, &str, u64); 3] = [
    ("smtp.eml", "one.example", 11),
    ("maildir.eml", "two.example", 22),
    ("import.eml", "three.example", 33),
];

/// The mails of [`REPORTS`], signed, in a folder; their keys and policies in the DNS.
fn sign(folder: &Path, dns: &Dns) {
    for (file, reporter, count) in REPORTS {
        let xml = String::from_utf8(report(&format!("of-{reporter}"), count)).unwrap();
        let xml = xml.replace("reporter.example", reporter);
        let from = format!("DMARC reports <dmarc@{reporter}>");
        let unsigned = String::from_utf8(mail(&from, xml.as_bytes())).unwrap();
        let subject = format!("Subject: Report Domain: example.com Submitter: {reporter} Report-ID: 1");
        let unsigned = unsigned.replace("Subject: Report domain: example.com", &subject);
        let date = format_mail_date(Clock::system().now() - 3_600_000);
        fs::write(folder.join(file), format!("Date: {date}\r\n{unsigned}")).unwrap();
        dns.text(&format!("_dmarc.{reporter}"), "v=DMARC1; p=reject");
    }
    let mut signer = python("python");
    signer.arg(script("sign_mail.py")).arg(folder);
    let mut signer = signer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = signer.stdin.take().unwrap();
    input.write_all(plan().to_string().as_bytes()).unwrap();
    drop(input);
    let done = signer.wait_with_output().unwrap();
    assert!(done.status.success());
    let records: Value = serde_json::from_slice(&done.stdout).unwrap();
    for (name, record) in records.as_object().unwrap() {
        if !name.starts_with("gone.") {
            dns.text(name, record.as_str().unwrap());
        }
    }
}

fn verify(folder: &Path, proof: &Value) -> Output {
    let file = folder.join("proof.json");
    fs::write(&file, proof.to_string()).unwrap();
    let mut client = python("python");
    client.arg(script("verify_proof.py")).arg(file).output().unwrap()
}

fn is_refused(folder: &Path, proof: &Value) {
    let done = verify(folder, proof);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("not proven"), "{done:?}");
}

/// The program with a mail server and a Maildir, checking mail with this name server.
fn configured(mut command: Command, folder: &Path, dns: &Dns) -> Command {
    command.args(["--config", folder.join("t.toml").to_str().unwrap()]);
    command.env("TALLYMARK__PROVENANCE__CHECK", "true");
    command.env("TALLYMARK__PROVENANCE__RESOLVERS", format!("[\"{}\"]", dns.address));
    command
}

/// Brings each mail in by its way; the program, which knows all three afterwards.
async fn bring_in(installation: &Installation, folder: &Path, dns: &Dns) -> Program {
    for name in ["new", "cur", "tmp"] {
        fs::create_dir_all(folder.join("Maildir").join(name)).unwrap();
    }
    let maildir = folder.join("Maildir");
    let settings = format!("[[maildir]]\nname = \"box\"\npath = {maildir:?}\npoll_seconds = 1\n");
    fs::write(folder.join("t.toml"), settings).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_tallymark"));
    import.arg("import").arg(folder.join("import.eml"));
    installation.settings(&mut import);
    let done = configured(import, folder, dns).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let waiting = maildir.join("new/1.box");
    fs::copy(folder.join("maildir.eml"), &waiting).unwrap();
    let serve = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    let program = Program::start(configured(serve, folder, dns));
    let mut client = Client::connect_silently(program.smtp).await;
    client.reply().await;
    client.expect("EHLO c\r\n", "250-").await;
    let delivered = fs::read(folder.join("smtp.eml")).unwrap();
    let reply = client.mail(&[&installation.rua], &delivered).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    until("the Maildir is read", || !waiting.exists());
    program
}

/// The controls are a changed byte of the mail, and the key of another signer.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_verifies_reports_of_three_signers_offline() {
    let (installation, folder) = (Installation::new().await, tempfile::tempdir().unwrap());
    let (folder, dns) = (folder.path(), Dns::start().await);
    sign(folder, &dns);
    let store = installation.store().await;
    let account = store.accounts().await.unwrap()[0].id;
    let key = add_key(&store, account).await;
    store.close().await;
    let program = bring_in(&installation, folder, &dns).await;
    let get = async |path: &str| Ask::new("GET", path).key(&key).send(program.http).await.expect(200);
    let domain = get("/domains").await["domains"][0]["id"].as_str().unwrap().to_owned();
    let listed = get(&format!("/domains/{domain}/dmarc/reports")).await;
    let mut proofs = Vec::new();
    for (_, reporter, count) in REPORTS {
        let mut reports = listed["reports"].as_array().unwrap().iter();
        let id = format!("of-{reporter}");
        let report = reports
            .find(|report| report["report_id"] == *id)
            .expect("it was stored");
        let path = format!("/domains/{domain}/dmarc/reports/{}/proof", report["id"]);
        proofs.push((reporter, count, get(&path).await));
    }
    // A stranger checks without it.
    program.stop();
    let keys: Vec<Value> = proofs.iter().map(|(.., proof)| proof["keys"].clone()).collect();
    for (nth, (reporter, count, mut proof)) in proofs.into_iter().enumerate() {
        let done = verify(folder, &proof);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let expect = format!("proven: {reporter} signed report of-{reporter} about {count} messages");
        assert!(done.status.success() && said.contains(&expect), "{done:?}");
        let mail = proof["mail"].clone();
        // One character of the base64 text is one byte of the mail, near its end.
        let text = mail.as_str().unwrap();
        let at = text.len() - 40;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        proof["mail"] = json!(format!("{}{other}{}", &text[..at], &text[at + 1..]));
        is_refused(folder, &proof);
        proof["mail"] = mail;
        proof["keys"][0]["record"] = keys[(nth + 1) % 3][0]["record"].clone();
        is_refused(folder, &proof);
    }
    let lines = fs::read_to_string(script("verify_proof.py")).unwrap();
    assert!(lines.lines().count() <= 40);
}
