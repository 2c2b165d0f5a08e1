//! Many mails in one Maildir and in one IMAP folder: how fast they are read into SQLite (WAL, synchronous=FULL), each
//! answered after its commit, and what memory that takes.
//!
//! The program runs as people start it, in a process of its own, so that its peak memory is its own; so does Debian's
//! Dovecot, on the same cores. `cargo bench --bench mailboxes [-- MAILS] [maildir] [imap] [import]`; without any of these
//! words, all of them.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/mailbox/dovecot.rs"]
mod dovecot;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/mailbox/program.rs"]
mod program;
mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use dovecot::{Ability, Dovecot, PASSWORD, USER};
use program::Tallymark;
use support::corpus::{self, Mix};

fn main() {
    tallymark::heap::set_up();
    let wanted = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(100_000);
    println!(
        "{wanted} mails in one folder each, {:.1} MB",
        fill(None, wanted) as f64 / 1e6
    );
    let parts: [(&str, fn(usize)); 3] = [("maildir", maildir), ("imap", imap), ("import", import)];
    let is_named = |name: &str| std::env::args().any(|text| text == name);
    let all = !parts.iter().any(|(name, _)| is_named(name));
    for (name, run) in parts {
        if all || is_named(name) {
            run(wanted);
        }
    }
}

/// The import command, of a Maildir and of an mbox.
fn import(mails: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let maildir = folder.path().join("Maildir/cur");
    fs::create_dir_all(&maildir).expect("a Maildir");
    fill(Some(&maildir), mails);
    let mbox = fs::File::create(folder.path().join("mbox")).expect("an mbox");
    let mut mbox = std::io::BufWriter::new(mbox);
    for entry in fs::read_dir(&maildir).expect("mails") {
        let mail = fs::read(entry.expect("a mail").path()).expect("a mail");
        let mark = b"From a@example.com Thu Jan  1 00:00:00 1970\n";
        // An empty line stands before the next mail's mark, whether this one ends its last line or not.
        let end: &[u8] = if mail.ends_with(b"\n") { b"\n" } else { b"\n\n" };
        mbox.write_all(&[mark, &mail[..], end].concat())
            .expect("room on the disk");
    }
    mbox.flush().expect("room on the disk");
    rustix::fs::sync();
    for (what, path) in [("import of a Maildir", "Maildir"), ("import of an mbox", "mbox")] {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
            .current_dir(folder.path())
            .args([
                "--data",
                &format!("data-{path}"),
                "import",
                "--add-domains",
                "--json",
                path,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        let mut peak = 0;
        while child.try_wait().expect("a child").is_none() {
            peak = peak.max(program::peak_mebibytes(child.id()).unwrap_or(0));
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        let seconds = began.elapsed().as_secs_f64();
        let summary = child.wait_with_output().expect("a child").stdout;
        let summary: serde_json::Value = serde_json::from_slice(&summary).expect("a summary");
        assert_eq!(summary["messages"], mails, "{summary}");
        let rate = mails as f64 / seconds;
        println!("{what}: {seconds:.1} s, {rate:.0} mails/s, peak resident memory {peak} MiB");
    }
}

fn maildir(mails: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let maildir = folder.path().join("Maildir");
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(maildir.join(part)).expect("a Maildir");
    }
    fill(Some(&maildir.join("new")), mails);
    let settings = "[[maildir]]\nname = \"box\"\npath = \"Maildir\"\nadd_domains = true\nprocessed = \"Processed\"\n";
    fs::write(folder.path().join("t.toml"), settings).expect("settings");
    measure("Maildir, mail moved to another", folder.path(), mails);
}

fn imap(mails: usize) {
    let server = Dovecot::start(Ability::Everything);
    fill(Some(&server.path("mail/new")), mails);
    server.own(&server.path("mail"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    fs::write(folder.path().join("password"), PASSWORD).expect("a password");
    let settings = format!(
        "[[imap]]\nname = \"box\"\nhost = \"localhost\"\nport = {}\nca_file = {:?}\nuser = \"{USER}\"\n\
         password_file = \"password\"\nprocessed_folder = \"Processed\"\nadd_domains = true\n",
        server.tls_port,
        server.ca_file(),
    );
    fs::write(folder.path().join("t.toml"), settings).expect("settings");
    measure("IMAP with TLS, mail moved to another folder", folder.path(), mails);
}

/// Runs the program until the source is read to its end.
fn measure(what: &str, folder: &Path, mails: usize) {
    // Mail that waits has long been on disk: the program's waits for the disk are not to be waits for it.
    rustix::fs::sync();
    let began = Instant::now();
    let tallymark = Tallymark::start(folder);
    while tallymark.source("box")["read_at"].is_null() {
        std::thread::park_timeout(std::time::Duration::from_millis(200));
    }
    let seconds = began.elapsed().as_secs_f64();
    let taken = tallymark.metric("tallymark_feed_messages_total{feed=\"box\",outcome=\"taken\"}");
    assert_eq!(taken, mails as u64, "{}", tallymark.log());
    println!(
        "{what}: {seconds:.1} s, {:.0} mails/s, peak resident memory {} MiB",
        mails as f64 / seconds,
        tallymark.peak_mebibytes()
    );
    tallymark.stop();
}

/// Writes mails into a folder, as many as wanted and no two alike; gives their bytes.
fn fill(folder: Option<&Path>, wanted: usize) -> usize {
    let (mut written, mut bytes) = (0, 0);
    for seed in 1.. {
        for mail in corpus::mails(Mix::STANDARD, seed) {
            if written == wanted {
                return bytes;
            }
            if let Some(folder) = folder {
                fs::write(folder.join(format!("{}.{written:07}.host", 1_760_000_000)), &mail.bytes).expect("a mail");
            }
            written += 1;
            bytes += mail.bytes.len();
        }
    }
    bytes
}
