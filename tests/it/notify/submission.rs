//! A submission service of a test's own: Debian's Postfix with TLS, and Dovecot behind it, which knows the one user. What is delivered
//! is in a Maildir. Nothing of the machine's is used or changed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tallymark::outbound::{MailSettings, Protection};

use crate::mailbox::program::until_or;
use crate::postfix::Postfix;

pub const USER: &str = "alerts";
const PASSWORD: &str = "p ass\\word";
pub const FROM: &str = "alerts@sender.example";
const NOBODY: u32 = 65_534;

pub struct Submission {
    pub postfix: Postfix,
    folder: PathBuf,
    /// Ends Dovecot and removes the folder when this does, in whatever way.
    _keeper: Child,
    /// TLS from the first byte, STARTTLS, and neither.
    ports: [u16; 3],
}

/// One that nothing listens at, for now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Submission {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tallymark-submission")
            .tempdir()
            .unwrap();
        let folder = folder.keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        for (name, host) in [("", "localhost"), ("other-", "elsewhere.example")] {
            let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
            fs::write(folder.join(format!("{name}cert.pem")), made.cert.pem()).unwrap();
            fs::write(folder.join(format!("{name}key.pem")), made.signing_key.serialize_pem()).unwrap();
        }
        fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
        let keeper = dovecot(&folder);
        let ports = [(); 3].map(|()| free_port());
        let submission = Self {
            postfix: postfix(&folder, ports),
            folder,
            _keeper: keeper,
            ports,
        };
        submission.answer("", "");
        submission
    }

    /// What is answered to one recipient from now on; nothing: mail is taken.
    pub fn answer(&self, to: &str, answer: &str) {
        let map = if to.is_empty() {
            String::new()
        } else {
            format!("{to} {answer}\n")
        };
        fs::write(self.folder.join("access"), map).unwrap();
    }

    pub fn settings(&self, protection: Protection) -> MailSettings {
        let (nth, signs_in) = match protection {
            Protection::Tls => (0, true),
            Protection::StartTls => (1, true),
            Protection::None => (2, false),
        };
        MailSettings {
            host: "localhost".to_owned(),
            port: self.ports[nth],
            protection,
            user: if signs_in { USER.to_owned() } else { String::new() },
            password_file: if signs_in {
                self.folder.join("password")
            } else {
                PathBuf::new()
            },
            from: FROM.to_owned(),
        }
    }

    /// The settings for a server that has no TLS, with TLS.
    pub fn stripped(&self) -> MailSettings {
        MailSettings {
            port: self.ports[2],
            ..self.settings(Protection::StartTls)
        }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// An authority that did not sign the server's certificate.
    pub fn other_ca_file(&self) -> PathBuf {
        self.folder.join("other-cert.pem")
    }

    /// What was delivered, once there are as many mails as that; oldest first.
    pub fn mails(&self, count: usize) -> Vec<String> {
        let list = || {
            let entries = fs::read_dir(self.folder.join("mail/box/new")).into_iter().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            // Names begin with the second, then have the microsecond.
            paths.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
            paths
        };
        until_or(
            || format!("{count} mails: {:?} {}", list(), self.postfix.said()),
            || list().len() >= count,
        );
        let found = list();
        assert_eq!(found.len(), count);
        found.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Lines of the log that say this.
    pub fn said(&self, what: &str) -> usize {
        self.postfix.said().lines().filter(|line| line.contains(what)).count()
    }
}

fn postfix(folder: &Path, ports: [u16; 3]) -> Postfix {
    let at = folder.display();
    for part in ["mail", "mail/box"] {
        fs::create_dir(folder.join(part)).unwrap();
        chown(folder.join(part), Some(NOBODY), Some(NOBODY)).expect("root");
    }
    let settings = |_: &Path| {
        format!(
            "virtual_mailbox_domains = reader.example
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
virtual_transport = virtual
smtpd_tls_cert_file = {at}/cert.pem
smtpd_tls_key_file = {at}/key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = {at}/auth
smtpd_tls_auth_only = yes
"
        )
    };
    // A process per connection, so that each reads the map again.
    let service = |port: u16, options: &str| {
        format!(
            "127.0.0.1:{port} inet n - n - - smtpd -o max_use=1 -o smtpd_recipient_restrictions=check_recipient_access,texthash:{at}/access,{options}"
        )
    };
    let signed_in = "permit_sasl_authenticated,reject -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_sasl_auth_enable=yes";
    let lines = [
        service(ports[0], &format!("{signed_in} -o smtpd_tls_wrappermode=yes")),
        service(ports[1], &format!("{signed_in} -o smtpd_tls_security_level=encrypt")),
        service(ports[2], "permit_mynetworks,reject -o smtpd_tls_security_level=none"),
    ];
    Postfix::start_with(settings, &lines.join("\n"))
}

/// Dovecot for signing in alone.
fn dovecot(folder: &Path) -> Child {
    let at = folder.display();
    let config = format!(
        "base_dir = {at}/run
state_dir = {at}/state
log_path = {at}/dovecot-log
protocols =
ssl = no
auth_mechanisms = plain login
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {at}/users
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home=/nonexistent
}}
service auth {{
  unix_listener {at}/auth {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"
    );
    fs::write(folder.join("dovecot.conf"), config).unwrap();
    fs::write(folder.join("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n")).unwrap();
    let program = "/usr/sbin/dovecot";
    let stop = "cat >/dev/null; \"$0\" -c \"$1/dovecot.conf\" stop; rm -rf \"$1\"";
    let keeper = Command::new("sh")
        .args(["-c", stop, program])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let complaints = fs::File::create(folder.join("complaints")).unwrap();
    let started = Command::new(program)
        .arg("-c")
        .arg(folder.join("dovecot.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(complaints)
        .status()
        .expect("./test installs dovecot");
    let said = || fs::read_to_string(folder.join("complaints")).unwrap();
    assert!(started.success(), "dovecot: {}", said());
    until_or(
        || format!("dovecot listens: {}", said()),
        || folder.join("auth").exists(),
    );
    keeper
}
