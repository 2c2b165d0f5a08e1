//! Signing in with tokens: XOAUTH2 and OAUTHBEARER, against a token server of the test's own and a Dovecot that asks
//! another one whether a token is good.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::dovecot::{Ability, Dovecot, USER};
use super::{Home, Tallymark, report_mail, sum, until, until_or, verify};

/// Reads a request: its head and its body.
fn request(stream: &mut impl Read) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn answer(stream: &mut impl Write, status: &str, json: &str) {
    let length = json.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{json}"
    );
    let _ = stream.flush();
}

/// Says that tokens that begin with `good` are the user's.
fn introspection() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let Some((head, _)) = request(&mut stream) else { return };
                match head.contains("Bearer good") {
                    true => answer(
                        &mut stream,
                        "200 OK",
                        &format!("{{\"active\":true,\"email\":\"{USER}\"}}"),
                    ),
                    false => answer(&mut stream, "401 Unauthorized", "{\"active\":false}"),
                }
            });
        }
    });
    port
}

/// Gives tokens over HTTPS, with Dovecot's certificate. Answers are taken in order, the last one repeatedly.
struct TokenServer {
    port: u16,
    /// What it was asked, and when.
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl TokenServer {
    #[expect(clippy::disallowed_methods, reason = "how far apart two requests are")]
    fn start(dovecot: &Dovecot, mut answers: Vec<(&'static str, &'static str)>) -> Self {
        let chain = CertificateDer::from_pem_file(dovecot.ca_file()).unwrap();
        let key = PrivateKeyDer::from_pem_file(dovecot.path("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<(String, Instant)>>> = Arc::default();
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
                let Some((_, form)) = request(&mut stream) else {
                    continue;
                };
                heard.lock().unwrap().push((form, Instant::now()));
                let next = if answers.len() > 1 {
                    answers.remove(0)
                } else {
                    answers[0]
                };
                answer(&mut stream, next.0, next.1);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(form, _)| form.clone()).collect()
    }
}

fn config(home: &Home, dovecot: &Dovecot, tokens: &TokenServer, auth: &str, grant: &str) {
    home.file("secret", "s&cret\n");
    home.file("refresh", "first one\n");
    home.file(
        "t.toml",
        format!(
            "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {}\nca_file = {:?}\nuser = \"{USER}\"\nauth = \"{auth}\"\n\
             oauth_token_url = \"https://localhost:{}/tenant/token?x=1\"\noauth_grant = \"{grant}\"\n\
             oauth_client_id = \"client id\"\noauth_client_secret_file = \"secret\"\n\
             oauth_refresh_token_file = \"refresh\"\noauth_scope = \"https://mail.example/.default\"\n\
             processed_folder = \"Processed\"\nadd_domains = true\npoll_seconds = 1\n",
            dovecot.tls_port,
            dovecot.ca_file(),
            tokens.port,
        ),
    );
}

#[test]
fn a_refused_token_is_answered_as_it_must_be_and_the_next_one_is_tried() {
    let dovecot = Dovecot::start_with(Ability::Everything, introspection());
    for auth in ["xoauth2", "oauthbearer"] {
        let good = "{\"access_token\":\"good+/=~\",\"token_type\":\"Bearer\",\"expires_in\":3600}";
        let answers = vec![
            ("200 OK", "{\"access_token\":\"stale\",\"expires_in\":3600}"),
            ("200 OK", good),
        ];
        let tokens = TokenServer::start(&dovecot, answers);
        let home = Home::new();
        config(&home, &dovecot, &tokens, auth, "client_credentials");
        dovecot.deliver(&report_mail(0));
        let tallymark = Tallymark::start(home.path());
        until(
            &format!("{auth} lets in: {} {}", tallymark.log(), dovecot.log()),
            || tallymark.source("box")["condition"] == "reading",
        );
        let log = tallymark.log();
        // The reason that the server gives in its challenge, before it refuses.
        assert!(log.contains("login_refused") && log.contains("{\"status\":\""), "{log}");
        for secret in ["stale", "good+", "s&cret"] {
            assert!(!log.contains(secret), "{secret} is in the log: {log}");
        }
        tallymark.stop();
        let asked = tokens.asked();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert_eq!(
            asked[0],
            "grant_type=client_credentials&client_id=client%20id&client_secret=s%26cret\
             &scope=https%3A%2F%2Fmail.example%2F.default"
        );
        verify(&home, 1, sum(0..1));
    }
}

#[test]
fn a_token_is_renewed_early_and_a_new_refresh_token_is_kept() {
    let dovecot = Dovecot::start_with(Ability::Everything, introspection());
    // Half of a life of two seconds is left when it is renewed: five minutes are more than it has.
    let first = "{\"access_token\":\"good-1\",\"expires_in\":2,\"refresh_token\":\"second one\"}";
    let later = "{\"access_token\":\"good-2\",\"expires_in\":3600}";
    let tokens = TokenServer::start(&dovecot, vec![("200 OK", first), ("200 OK", later)]);
    let home = Home::new();
    config(&home, &dovecot, &tokens, "xoauth2", "refresh_token");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("a second token: {}", tallymark.log()),
        || tokens.asked().len() == 2,
    );
    dovecot.deliver(&report_mail(0));
    until("it is read", || dovecot.mails("Processed").len() == 1);
    assert_eq!(
        tallymark.metric("tallymark_feed_failures_total{feed=\"box\",reason=\"login_refused\"}"),
        0
    );
    tallymark.stop();
    let asked = tokens.asked();
    assert!(asked[0].contains("grant_type=refresh_token") && asked[0].ends_with("refresh_token=first%20one"));
    assert!(asked[1].ends_with("refresh_token=second%20one"), "{asked:?}");
    assert_eq!(
        std::fs::read_to_string(home.path().join("refresh")).unwrap(),
        "second one"
    );
}

#[test]
fn a_token_server_that_refuses_is_named() {
    let dovecot = Dovecot::start_with(Ability::Everything, introspection());
    let refused = "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: secret has run out\"}";
    let tokens = TokenServer::start(&dovecot, vec![("401 Unauthorized", refused)]);
    let home = Home::new();
    config(&home, &dovecot, &tokens, "xoauth2", "client_credentials");
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("box", "token_refused");
    assert!(
        tallymark.log().contains("invalid_client AADSTS7000222"),
        "{}",
        tallymark.log()
    );
    tallymark.stop();
}

#[test]
fn tokens_that_are_good_for_no_time_are_not_asked_for_without_a_pause() {
    let dovecot = Dovecot::start_with(Ability::Everything, introspection());
    let token = "{\"access_token\":\"good\",\"expires_in\":0}";
    let tokens = TokenServer::start(&dovecot, vec![("200 OK", token)]);
    let home = Home::new();
    config(&home, &dovecot, &tokens, "xoauth2", "client_credentials");
    dovecot.deliver(&report_mail(0));
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("some tokens: {}", tallymark.log()),
        || tokens.asked().len() >= 3,
    );
    tallymark.stop();
    let asked = tokens.asked.lock().unwrap();
    for pair in asked.windows(2) {
        assert!(pair[1].1.duration_since(pair[0].1) >= Duration::from_secs(1));
    }
    verify(&home, 1, sum(0..1));
}
