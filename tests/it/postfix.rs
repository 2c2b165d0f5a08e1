//! A Postfix of one's own, from Debian's package: nothing of the machine's is used or changed. Benches use it too.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A Postfix of the test's own: folders, ports and queue, nothing of the machine's.
pub struct Postfix {
    folder: tempfile::TempDir,
    pub smtp: SocketAddr,
    /// Follows the log.
    tail: Child,
}

impl Postfix {
    /// Starts it with these further settings, made for its folder.
    pub fn start(settings: impl FnOnce(&Path) -> String) -> Self {
        Self::start_with(settings, "")
    }

    /// Starts it with these further settings, and these further lines of services.
    #[expect(clippy::too_many_lines, reason = "a settings file is in it")]
    pub fn start_with(settings: impl FnOnce(&Path) -> String, more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tallymark-postfix").tempdir().unwrap();
        // Its programs run as a user of their own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let smtp = free.local_addr().unwrap();
        drop(free);
        let at = folder.path().display();
        for part in ["etc", "queue", "data"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        let owned = Command::new("chown")
            .arg("postfix")
            .arg(folder.path().join("data"))
            .status();
        assert!(
            owned.expect("a system with coreutils").success(),
            "there is no user postfix; ./test installs it"
        );
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
smtp_tls_security_level = may
{}",
            settings(folder.path())
        );
        fs::write(folder.path().join("etc/main.cf"), main).unwrap();
        // Name, open to all users, wakes up after, processes at most, program: as Debian has them.
        let services = [
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "virtual unix - n n - - virtual",
            "showq unix n - n - - showq",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
        ];
        let master = format!(
            "127.0.0.1:{} inet n - n - - smtpd\n{}\n{more}\n",
            smtp.port(),
            services.join("\n")
        );
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
            self.last_words()
        );
    }

    /// Its log, line by line, as it is written. To be asked for once.
    pub fn log(&mut self) -> impl Iterator<Item = String> + use<> {
        let log = self.tail.stdout.take().expect("nobody has it yet");
        BufReader::new(log).lines().map_while(Result::ok)
    }

    /// Its whole log so far.
    #[allow(dead_code, reason = "benches read it line by line")]
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn last_words(&self) -> String {
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
