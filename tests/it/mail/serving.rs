//! `tallymark serve` with its listeners, as an operator runs it.

use std::fs;
use std::process::Command;

use super::super::cli::Home;
use super::super::smtp::{Client, report, stuffed};
use super::{Installation, Program, any_port};

async fn client(program: &Program) -> Client {
    let mut client = Client::connect_silently(program.smtp).await;
    assert!(client.reply().await.starts_with("220 tally.example"));
    client.expect("EHLO c\r\n", "250-").await;
    client
}

#[tokio::test]
async fn it_stops_when_what_is_being_received_has_been_kept() {
    let installation = Installation::new().await;
    let program = installation.start();
    let (mut idle, mut busy) = (client(&program).await, client(&program).await);
    let wire = stuffed(&report("last", "example.com", 7));
    busy.envelope(&[&installation.rua]).await;
    busy.send(&wire[..100]).await;
    program.signal("-TERM");
    assert_eq!(idle.reply().await, "421 4.3.2 shutting down, try again soon");
    busy.expect(&wire[100..], "250 2.0.0").await;
    assert_eq!(busy.reply().await, "421 4.3.2 shutting down, try again soon");
    drop((idle, busy));
    let log = program.stop();
    assert!(log.iter().any(|line| line.contains("message kept")), "{log:?}");
    assert_eq!(installation.counted().await["last"], 7);
}

#[tokio::test]
async fn mail_to_the_postmaster_of_a_new_installation_has_an_account() {
    let home = Home::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.current_dir(home.path());
    command.env("TALLYMARK__SMTP__HOST", "tally.example");
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--smtp",
        "127.0.0.1:0",
        "--lmtp",
        "127.0.0.1:0",
    ]);
    let program = Program::start(command);
    let mut client = client(&program).await;
    let mut local = Client::connect_silently(program.lmtp).await;
    assert!(local.reply().await.starts_with("220 tally.example LMTP"));
    local.expect("LHLO c\r\n", "250-").await;
    for client in [&mut client, &mut local] {
        let reply = client.mail(&["postmaster"], b"Subject: hello\r\n\r\n").await;
        assert!(reply.starts_with("250 2.0.0"), "{reply}");
    }
    drop(local);
    drop(client);
    program.stop();
    let files = fs::read_dir(home.path().join("tallymark-data")).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "master.key",
            "smtp-certificate.pem",
            "smtp-key.pem",
            "tallymark.sqlite",
            "tallymark.sqlite.ballast",
            "tallymark.sqlite.mark"
        ]
    );
}

#[test]
fn wrong_settings_are_reported_at_the_start() {
    let home = Home::new();
    let complains = |settings: &[(&str, &str)], complaint: &str| {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0"]);
        for (name, value) in settings {
            command.env(format!("TALLYMARK__{name}"), value);
        }
        let done = command.assert().code(1);
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains(complaint), "{settings:?} {said}");
    };
    complains(
        &[("SMTP__CERTIFICATE", "a.pem")],
        "smtp.certificate and smtp.key belong together",
    );
    complains(
        &[("SMTP__PROXY_NETWORKS", "[\"10.0.0.0/99\"]")],
        "TALLYMARK__SMTP__PROXY_NETWORKS: 10.0.0.0/99 is not a network",
    );
    complains(
        &[("SMTP__IN_FLIGHT_BYTES_MAX", "1000")],
        "in_flight_bytes_max must be at least twice",
    );
    complains(&[("SMTP__ACCOUNT", "other")], "there is no account other");
    let taken = std::net::TcpListener::bind(any_port()).unwrap();
    let taken = format!("[\"{}\"]", taken.local_addr().unwrap());
    complains(&[("SMTP__LMTP_LISTEN", &taken)], "cannot listen on 127.0.0.1:");
}

/// The certificate that a client is shown, by openssl's fingerprint of it.
fn fingerprint(program: &Program) -> String {
    let python = "import smtplib, ssl, sys, hashlib
s = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
s.starttls(context=ssl._create_unverified_context())
print(hashlib.sha256(s.sock.getpeercert(True)).hexdigest())";
    let port = program.smtp.port().to_string();
    let output = Command::new("python3").args(["-c", python, &port]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn sighup_reads_the_certificate_again_and_a_bad_one_is_refused() {
    let installation = Installation::new().await;
    // Two pairs, as the program makes them.
    let (one, two) = (Installation::new().await, Installation::new().await);
    for other in [&one, &two] {
        other.start().stop();
    }
    let names = ["smtp-certificate.pem", "smtp-key.pem"];
    let copy = |from: &Installation| {
        for name in names {
            fs::copy(from.path().join(name), installation.path().join(format!("own-{name}"))).unwrap();
        }
    };
    copy(&one);
    let mut command = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    command.env(
        "TALLYMARK__SMTP__CERTIFICATE",
        installation.path().join(format!("own-{}", names[0])),
    );
    command.env(
        "TALLYMARK__SMTP__KEY",
        installation.path().join(format!("own-{}", names[1])),
    );
    let mut program = Program::start(command);
    let first = fingerprint(&program);
    copy(&two);
    program.signal("-HUP");
    program.logs("certificate was read again");
    let second = fingerprint(&program);
    assert_ne!(first, second);
    fs::write(installation.path().join("own-smtp-key.pem"), "no key").unwrap();
    program.signal("-HUP");
    program.logs("the old one stays in use");
    assert_eq!(fingerprint(&program), second);
    program.stop();
}

/// What only mail's encryption needs stops nothing else, and not even mail.
#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_replaced_by_a_self_signed_one() {
    for (file, content) in [
        ("missing.pem", None),
        ("empty.pem", Some("")),
        ("text.pem", Some("no certificate")),
    ] {
        let installation = Installation::new().await;
        let path = installation.path().join(file);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let mut command = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
        command.env("TALLYMARK__SMTP__CERTIFICATE", &path);
        command.env("TALLYMARK__SMTP__KEY", &path);
        let mut program = Program::start(command);
        let said = program.logs("smtp.certificate cannot be used");
        assert!(said.contains(file), "{said}");
        assert!(!fingerprint(&program).is_empty());
        let health = crate::http::Ask::new("GET", "/readyz").send(program.http).await;
        assert_eq!(health.status, 200);
        program.stop();
    }
}

#[tokio::test]
async fn senders_must_wait_while_disk_or_database_fails() {
    let installation = Installation::new().await;
    let mut command = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    command.env("TALLYMARK__SMTP__FREE_DISK_BYTES_MIN", i64::MAX.to_string());
    let program = Program::start(command);
    client(&program).await.expect("MAIL FROM:<>\r\n", "452 4.3.1").await;
    program.stop();

    let program = installation.start();
    let message = stuffed(&report("one", "example.com", 7));
    let mut sender = client(&program).await;
    sender.envelope(&[&installation.rua]).await;
    // Another process has the database locked for longer than the wait.
    let other = crate::writing(&installation.path().join("tallymark.sqlite")).await;
    sender.expect(&message, "451 4.3.0").await;
    drop(other);
    sender.envelope(&[&installation.rua]).await;
    sender.expect(&message, "250 2.0.0").await;
    drop(sender);
    program.stop();
    assert_eq!(installation.counted().await["one"], 7);
}
