//! A Dovecot of a test's own, from Debian's package `dovecot-imapd`: its own configuration, ports and users, gone with the
//! test. Without the package a test fails; it is never skipped.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::program::{until, until_or};

pub const USER: &str = "rua@example.com";
pub const PASSWORD: &str = "p\\a\"ss word";

/// What the server can do beside the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    Everything,
    /// COPY and UID EXPUNGE, as Microsoft's older servers.
    NoMove,
    /// Only a bare EXPUNGE.
    NoUidPlus,
    /// Folders are named behind `INBOX.`, and by no other name.
    Prefix,
}

/// A running server. Its folder and its processes go when this does, in whatever way: a keeper waits for the end of a pipe
/// without a writer.
pub struct Dovecot {
    folder: PathBuf,
    keeper: Child,
    /// Plain, with STARTTLS.
    pub port: u16,
    /// TLS from the first byte.
    pub tls_port: u16,
    /// Whom mail belongs to when the tests run as root.
    owner: Option<(u32, u32)>,
}

impl Dovecot {
    pub fn start(ability: Ability) -> Self {
        Self::start_with(ability, 0)
    }

    /// `introspection`: the port of who knows about tokens.
    pub fn start_with(ability: Ability, introspection: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("tallymark-dovecot").tempdir().unwrap();
        let folder = folder.keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let [port, tls_port] = [(); 2].map(|()| free_port());
        let stop = "cat >/dev/null; \"$0\" -c \"$1/dovecot.conf\" stop; rm -rf \"$1\"";
        let keeper = Command::new("sh")
            .args(["-c", stop, program()])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            keeper,
            port,
            tls_port,
            owner: owner(),
            folder,
        };
        server.configure(ability, introspection);
        for maildir in ["mail/cur", "mail/new", "mail/tmp"] {
            fs::create_dir_all(server.path(maildir)).unwrap();
        }
        server.own(&server.path("mail"));
        server.start_again();
        server
    }

    #[expect(clippy::too_many_lines, reason = "a settings file is in it")]
    fn configure(&self, ability: Ability, introspection: u16) {
        let dir = self.folder.display();
        let (uid, gid) = self.owner.unwrap_or_else(|| {
            use std::os::unix::fs::MetadataExt as _;
            let me = fs::metadata(&self.folder).unwrap();
            (me.uid(), me.gid())
        });
        let me = match self.owner {
            Some(_) => String::new(),
            None => {
                let me = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
                let me = me.trim();
                format!("default_internal_user = {me}\ndefault_login_user = {me}\n")
            }
        };
        let capability = match ability {
            Ability::Everything => "",
            Ability::NoMove => "imap_capability = IMAP4rev1 IDLE UIDPLUS LITERAL+\n",
            Ability::NoUidPlus => "imap_capability = IMAP4rev1 IDLE LITERAL+\n",
            Ability::Prefix => "namespace inbox {\n  inbox = yes\n  prefix = INBOX.\n  separator = .\n}\n",
        };
        let config = format!(
            "base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
{me}protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_verbose = yes
mail_location = maildir:{dir}/mail
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = never
{capability}passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {dir}/users
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
userdb {{
  driver = static
  args = home={dir}/home
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {}
  }}
  inet_listener imaps {{
    port = {}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
",
            self.port, self.tls_port
        );
        fs::write(self.path("dovecot.conf"), config).unwrap();
        fs::write(self.path("users"), format!("{USER}:{{PLAIN}}{PASSWORD}\n")).unwrap();
        let oauth2 = format!(
            "introspection_url = http://127.0.0.1:{introspection}/introspect\nintrospection_mode = auth\n\
             username_attribute = email\nactive_attribute = active\nactive_value = true\n"
        );
        fs::write(self.path("oauth2.conf"), oauth2).unwrap();
        fs::create_dir_all(self.path("home")).unwrap();
        self.own(&self.path("home"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The certificate that it is trusted by.
    pub fn ca_file(&self) -> PathBuf {
        self.path("cert.pem")
    }

    pub fn start_again(&self) {
        // Not a pipe: its processes would hold it open.
        let complaints = fs::File::create(self.path("complaints")).unwrap();
        let done = Command::new(program())
            .arg("-c")
            .arg(self.path("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints)
            .status()
            .unwrap();
        let said = || fs::read_to_string(self.path("complaints")).unwrap();
        assert!(done.success(), "dovecot: {}", said());
        let is_up = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        until_or(|| format!("dovecot listens: {}", self.log()), is_up);
    }

    /// Kills it and all its processes, without a word.
    pub fn kill(&self) {
        let Ok(master) = fs::read_to_string(self.path("run/master.pid")) else {
            return;
        };
        let master = master.trim();
        let children = Command::new("pgrep").args(["-P", master]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let all = std::iter::once(master).chain(children.split_whitespace());
        let all: Vec<_> = all.collect();
        let _ = Command::new("kill").arg("-9").args(&all).stderr(Stdio::null()).status();
        let is_gone = || all.iter().all(|pid| !is_running(pid));
        until("dovecot is gone", is_gone);
        fs::remove_file(self.path("run/master.pid")).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Delivers a mail.
    pub fn deliver(&self, mail: &str) {
        self.deliver_bytes(mail.as_bytes());
    }

    /// The same; gives its name.
    pub fn deliver_bytes(&self, mail: &[u8]) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}.{}.host", 1_760_000_000, NEXT.fetch_add(1, Ordering::Relaxed));
        let tmp = self.path("mail/tmp").join(&name);
        fs::write(&tmp, mail).unwrap();
        self.own_one(&tmp);
        fs::rename(tmp, self.path("mail/new").join(&name)).unwrap();
        name
    }

    /// Contents of the mails of a folder, `` being the inbox, sorted.
    pub fn mails(&self, folder: &str) -> Vec<String> {
        // The server may rename them meanwhile.
        let files = self.files(folder).into_iter();
        let mut mails: Vec<_> = files.filter_map(|path| fs::read_to_string(path).ok()).collect();
        mails.sort();
        mails
    }

    /// The files of a folder.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let maildir = match folder {
            "" => self.path("mail"),
            folder => self.path("mail").join(format!(".{folder}")),
        };
        let all = ["new", "cur"].map(|part| fs::read_dir(maildir.join(part)).into_iter().flatten());
        all.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    /// Gives a folder and all below it to the user that mail belongs to.
    pub fn own(&self, path: &Path) {
        if self.owner.is_none() {
            return;
        }
        self.own_one(path);
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => self.own(&path),
                false => self.own_one(&path),
            }
        }
    }

    fn own_one(&self, path: &Path) {
        if let Some((uid, gid)) = self.owner {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.kill();
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn program() -> &'static str {
    let installed = ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"];
    let found = installed.into_iter().find(|path| Path::new(path).exists());
    found.expect("Dovecot is needed: apt-get install dovecot-imapd")
}

/// Whether the process runs, and is not only a zombie.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// A user that is not root, if this is root: Dovecot gives root no mail.
fn owner() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some((65_534, 65_534))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
