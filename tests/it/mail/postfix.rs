//! Debian's Postfix as the mail server that sends to us: its queue drains through kills.

use std::net::SocketAddr;
use std::process::Command;

use tokio::task::spawn_blocking;

use super::super::smtp::{Client, report};
use super::{Installation, Program, free_port};
use crate::postfix::Postfix;

const MAILS: u64 = 2_000;
const KILLS: u64 = 8;
const SESSIONS: u64 = 4;

/// All mail goes there, and is tried again at once.
fn relay_to(to: SocketAddr) -> String {
    format!(
        "relayhost = [127.0.0.1]:{}
minimal_backoff_time = 1s
smtp_helo_timeout = 5s
smtp_mail_timeout = 5s
smtp_rcpt_timeout = 5s
smtp_data_init_timeout = 5s
smtp_data_done_timeout = 20s
maximal_backoff_time = 2s
queue_run_delay = 1s
default_destination_concurrency_limit = 20
default_destination_concurrency_failed_cohort_limit = 0
default_destination_recipient_limit = 1
",
        to.port()
    )
}

/// Hands the queue over, as its users would.
async fn fill(postfix: SocketAddr, rua: String) {
    let mut sending = tokio::task::JoinSet::new();
    for session in 0..SESSIONS {
        let rua = rua.clone();
        sending.spawn(async move {
            let mut client = Client::connect_silently(postfix).await;
            assert!(client.reply().await.starts_with("220"));
            client.expect("EHLO c.example\r\n", "250-").await;
            for nth in (session..MAILS).step_by(SESSIONS as usize) {
                client.expect("MAIL FROM:<a@sender.example>\r\n", "250").await;
                client.expect(format!("RCPT TO:<{rua}>\r\n"), "250").await;
                client.expect("DATA\r\n", "354").await;
                let mail = report(&format!("postfix-{nth}"), "example.com", 1 + nth);
                client.expect(super::super::smtp::stuffed(&mail), "250").await;
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
}

/// Kills the program repeatedly as messages leave the queue, until the queue is empty; returns how often.
fn drain(postfix: &mut Postfix, serve: impl Fn() -> Command) -> u64 {
    let mut program = Program::start(serve());
    let (mut gone, mut killed) = (0, 0);
    for line in postfix.log() {
        assert!(!line.contains("status=bounced") && !line.contains("fatal"), "{line}");
        gone += u64::from(line.ends_with(": removed"));
        if gone == MAILS {
            break;
        }
        // At no rhythm that the senders could have.
        if killed < KILLS && gone >= (killed + 1) * MAILS / (KILLS + 2) + killed * 7 % 5 {
            program.kill();
            killed += 1;
            program = Program::start(serve());
        }
    }
    program.stop();
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postfix_delivers_its_queue_through_kills() {
    let installation = Installation::new().await;
    let to = free_port();
    let mut postfix = spawn_blocking(move || Postfix::start(|_| relay_to(to))).await.unwrap();
    let filling = tokio::spawn(fill(postfix.smtp, installation.rua.clone()));
    let serve = {
        let serve = installation.serve(env!("CARGO_BIN_EXE_tallymark"), to);
        let arguments: Vec<_> = serve.get_args().map(ToOwned::to_owned).collect();
        let environment: Vec<_> = serve
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
            .collect();
        move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
            command.args(&arguments).envs(environment.iter().cloned());
            command.env("TALLYMARK__LOG__FILTER", "error");
            command
        }
    };
    let (postfix, killed) = spawn_blocking(move || {
        let killed = drain(&mut postfix, serve);
        (postfix, killed)
    })
    .await
    .unwrap();
    filling.await.unwrap();
    drop(postfix);
    assert_eq!(killed, KILLS);
    let counted = installation.counted().await;
    assert_eq!(counted.len() as u64, MAILS);
    for nth in 0..MAILS {
        assert_eq!(counted[&format!("postfix-{nth}")], 1 + nth);
    }
}
