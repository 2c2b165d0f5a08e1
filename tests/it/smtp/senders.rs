//! Programs that other people wrote, as clients.

use std::process::{Command, Output, Stdio};

use super::Server;

async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    let name = command.get_program().to_owned();
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    output.unwrap_or_else(|error| panic!("{}: {error}; ./test installs what is missing", name.display()))
}

fn all(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const PYTHON: &str = r#"
import smtplib, ssl, sys
smtp, lmtp, rua = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
plain = ssl._create_unverified_context()
bodies = [b"Subject: seven\r\n\r\nbits\r\n", b"Subject: eight\r\n\r\n\xe4\xff\r\n",
          b"Subject: dots\r\n\r\n.\r\n..\r\n", "Subject: grüße\r\n\r\n".encode(), b"\r\n",
          b"Subject: large\r\n\r\n" + b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 322000]
with smtplib.SMTP("127.0.0.1", smtp) as s:
    s.ehlo()
    assert s.esmtp_features["size"] == "26214400" and "starttls" in s.esmtp_features, s.esmtp_features
    assert not s.has_extn("auth") and not s.has_extn("chunking") and not s.has_extn("dsn")
    s.starttls(context=plain)
    s.ehlo()
    assert "starttls" not in s.esmtp_features and s.sock.version() == "TLSv1.3", s.sock.version()
    for body in bodies:
        s.sendmail("a@b.example", [rua], body, mail_options=["BODY=8BITMIME"])
    s.sendmail("é@b.example", [rua], bodies[0] + b"utf8\r\n", mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    try:
        s.sendmail("a@b.example", ["nobody@elsewhere.example"], bodies[0])
        raise SystemExit("relayed")
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients["nobody@elsewhere.example"][0] == 550
with smtplib.LMTP("127.0.0.1", lmtp) as s:
    s.sendmail("a@b.example", [rua], b"Subject: lmtp\r\n\r\n")
"#;

#[tokio::test]
async fn python_sends() {
    let server = Server::start(|_| {}).await;
    let mut python = Command::new("python3");
    python.args([
        "-c",
        PYTHON,
        &server.smtp.port().to_string(),
        &server.lmtp.port().to_string(),
        &server.rua(),
    ]);
    let output = run(python).await;
    assert!(output.status.success(), "{}", all(&output));
    let kept = server.set_aside().await;
    let large = [
        &b"Subject: large\r\n\r\n"[..],
        &[b'x'; 76],
        b"\r\n",
        &[&[b'y'; 76][..], b"\r\n"].concat().repeat(322_000),
    ]
    .concat();
    let expect: [&[u8]; 8] = [
        b"Subject: seven\r\n\r\nbits\r\n",
        b"Subject: eight\r\n\r\n\xe4\xff\r\n",
        b"Subject: dots\r\n\r\n.\r\n..\r\n",
        "Subject: grüße\r\n\r\n".as_bytes(),
        b"\r\n",
        &large,
        b"Subject: seven\r\n\r\nbits\r\nutf8\r\n",
        b"Subject: lmtp\r\n\r\n",
    ];
    assert_eq!(kept.len(), expect.len());
    for ((message, bytes), expect) in kept.iter().zip(expect) {
        assert!(
            bytes == expect,
            "{}: {} bytes, not {}",
            message.origin,
            bytes.len(),
            expect.len()
        );
    }
    assert!(
        kept[0].0.origin.contains(" over TLS, from <a@b.example>"),
        "{}",
        kept[0].0.origin
    );
}

#[tokio::test]
async fn swaks_sends_over_tls_and_pipelines() {
    let server = Server::start(|_| {}).await;
    for (port, protocol, options) in [
        (server.smtp.port(), "ESMTP", &["-tls"][..]),
        (server.smtp.port(), "ESMTP", &["-tls", "--pipeline"]),
        (server.lmtp.port(), "LMTP", &["--pipeline"]),
    ] {
        let mut swaks = Command::new("swaks");
        swaks.args([
            "--server",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--protocol",
            protocol,
        ]);
        swaks
            .args(["--to", &server.rua(), "--from", "a@b.example", "--ehlo", "c.example"])
            .args(options);
        let output = run(swaks).await;
        assert!(
            output.status.success() && all(&output).contains("250 2.0.0 queued as"),
            "{}",
            all(&output)
        );
    }
    assert_eq!(server.set_aside().await.len(), 3);
}

#[tokio::test]
async fn smtp_source_sends_with_many_connections() {
    let server = Server::start(|_| {}).await;
    let mut source = Command::new("/usr/sbin/smtp-source");
    source.args([
        "-s",
        "20",
        "-m",
        "300",
        "-l",
        "10240",
        "-f",
        "a@b.example",
        "-t",
        &server.rua(),
    ]);
    source.arg(format!("127.0.0.1:{}", server.smtp.port()));
    let output = run(source).await;
    assert!(output.status.success(), "{}", all(&output));
    assert!(
        server.metric(r#"tallymark_smtp_messages_total{answer="kept"} 300"#),
        "{}",
        server.metrics.encode().0
    );
}
