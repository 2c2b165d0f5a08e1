//! Debian's Postfix as the mail server that sends to us: its queue drains through kills.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::task::spawn_blocking;

use super::super::smtp::{Client, report};
use super::{Installation, Program, free_port};

const MAILS: u64 = 2_000;
const KILLS: u64 = 8;
const SESSIONS: u64 = 4;

/// A Postfix of the test's own: folders, ports and queue, nothing of the machine's.
struct Postfix {
    folder: tempfile::TempDir,
    smtp: SocketAddr,
    /// Follows the log.
    tail: Child,
}

impl Postfix {
    /// Starts it; it sends all mail to `to`.
    fn start(to: SocketAddr) -> Self {
        let folder = tempfile::Builder::new().prefix("tallymark-postfix").tempdir().unwrap();
        // Its programs run as a user of their own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let smtp = free_port();
        let at = folder.path().display();
        for part in ["etc", "queue", "data"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        let main = format!(
            "compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
maillog_file = {at}/log
maillog_file_prefixes = {at}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = sender.example
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
smtp_host_lookup = native
relayhost = [127.0.0.1]:{}
smtp_tls_security_level = may
smtputf8_enable = no
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
default_destination_concurrency_limit = 20
default_destination_concurrency_failed_cohort_limit = 0
default_destination_recipient_limit = 1
",
            to.port()
        );
        fs::write(folder.path().join("etc/main.cf"), main).unwrap();
        let services = [
            (&*format!("127.0.0.1:{}", smtp.port()), "inet", "smtpd"),
            ("cleanup", "unix", "cleanup"),
            ("rewrite", "unix", "trivial-rewrite"),
            ("bounce", "unix", "bounce"),
            ("defer", "unix", "bounce"),
            ("trace", "unix", "bounce"),
            ("flush", "unix", "flush"),
            ("proxymap", "unix", "proxymap"),
            ("tlsmgr", "unix", "tlsmgr"),
            ("anvil", "unix", "anvil"),
            ("scache", "unix", "scache"),
            ("smtp", "unix", "smtp"),
            ("relay", "unix", "smtp"),
            ("error", "unix", "error"),
            ("retry", "unix", "error"),
            ("showq", "unix", "showq"),
        ];
        let mut master: String = services
            .iter()
            .map(|(name, kind, program)| format!("{name} {kind} n - n - - {program}\n"))
            .collect();
        master += "qmgr unix n - n 300 1 qmgr\npickup unix n - n 60 1 pickup\npostlog unix-dgram n - n - 1 postlogd\n";
        fs::write(folder.path().join("etc/master.cf"), master).unwrap();
        fs::write(folder.path().join("log"), "").unwrap();
        let tail = Command::new("tail")
            .args(["-n", "+1", "-f"])
            .arg(folder.path().join("log"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postfix = Self { folder, smtp, tail };
        postfix.command("start");
        postfix
    }

    fn command(&self, what: &str) {
        let mut command = Command::new("/usr/sbin/postfix");
        command.arg("-c").arg(self.folder.path().join("etc")).arg(what);
        let output = command.stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("postfix: {error}; ./test installs it"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "postfix {what} (it has to be root): {said} {}",
            self.log()
        );
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.folder.path().join("etc"))
            .arg("abort")
            .output();
        let _ = self.tail.kill();
        let _ = self.tail.wait();
    }
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
                let mail = report(&format!("postfix-{nth}"), "example.com", 1 + nth % 10);
                client.expect(super::super::smtp::stuffed(&mail), "250").await;
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
}

/// Kills the program again and again as messages leave the queue, until the queue is empty; gives how often.
fn drain(postfix: &mut Postfix, installation_path: &Path, serve: impl Fn() -> Command) -> u64 {
    let mut program = Program::start(serve());
    let (mut gone, mut killed) = (0, 0);
    for line in BufReader::new(postfix.tail.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
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
    assert!(installation_path.exists());
    program.stop();
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postfix_delivers_its_queue_through_kills() {
    let installation = Installation::new().await;
    let to = free_port();
    let mut postfix = spawn_blocking(move || Postfix::start(to)).await.unwrap();
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
    let path = installation.path().to_owned();
    let (postfix, killed) = spawn_blocking(move || {
        let killed = drain(&mut postfix, &path, serve);
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
        assert_eq!(counted[&format!("postfix-{nth}")], 1 + nth % 10);
    }
}
