//! The program as people start it: the binary, its texts, its exit codes.

mod admin;
mod containers;
mod demo;
mod digest;
mod doctor;
mod domains;
mod import;
mod keeping;
mod lost_log;
mod names;
mod parse;
mod places;
mod read;
mod records_in_use;
mod reports;
mod rotation;
mod senders;
mod settings;
mod simulate;
mod told;
mod verify;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

/// A report about example.com: one record, `count` messages.
pub fn report(report_id: &str, count: u32) -> String {
    format!(
        "<?xml version=\"1.0\"?>
<feedback>
  <report_metadata><org_name>Reporter</org_name><email>dmarc@reporter.example</email>
    <report_id>{report_id}</report_id><date_range><begin>1772323200</begin><end>1772409599</end></date_range>
  </report_metadata>
  <policy_published><domain>example.com</domain><p>none</p></policy_published>
  <record><row><source_ip>192.0.2.1</source_ip><count>{count}</count>
    <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>example.com</header_from></identifiers>
    <auth_results><dkim><domain>example.com</domain><result>pass</result></dkim></auth_results></record>
</feedback>
"
    )
}

/// A folder of one's own with the program in it.
pub struct Home {
    dir: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with its folders.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs `tallymark` with these arguments, here.
    pub fn run(&self, arguments: &[&str]) -> Assert {
        self.command(arguments).assert()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
        command.current_dir(self.path()).args(arguments);
        command
    }
}

/// The first cell of the first row of a printed table.
pub fn first_number(table: &str) -> String {
    let row = table.lines().nth(1).unwrap();
    row.split_whitespace().next().unwrap().to_owned()
}

/// What was printed, as text.
pub fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// What was complained about, as text.
pub fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// Runs, expects this exit code, and this in the complaint.
fn fails(home: &Home, arguments: &[&str], code: i32, complaint: &str) {
    let done = home.run(arguments).code(code);
    let said = stderr(&done);
    assert!(said.contains(complaint), "{arguments:?} said {said:?}");
}

#[test]
fn help_has_an_example_for_every_command() {
    let home = Home::new();
    let help = stdout(&home.run(&["--help"]).success());
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let commands: Vec<_> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let help = stdout(&home.run(&[command, "--help"]).success());
        let has_more = help.contains("Example") || help.contains("Commands:") || help.contains("Exit code");
        assert!(has_more, "{command}:\n{help}");
    }
}

#[test]
fn errors_say_what_to_do_next() {
    let home = Home::new();
    fails(
        &home,
        &["domains", "list"],
        1,
        "import reports first (`tallymark import PATH`)",
    );
    fails(&home, &["verify"], 1, "--data DIR");
    assert!(!home.path().join("tallymark-data").exists(), "asking makes no database");
    home.run(&["accounts", "add", "acme"]).success();
    fails(
        &home,
        &["accounts", "add", "acme"],
        1,
        "there is an account acme already",
    );
    fails(&home, &["accounts", "add", "a b"], 1, "an account's name has");
    fails(
        &home,
        &["keys", "create", "--account", "x"],
        1,
        "no account named x: make one with `tallymark accounts add x`",
    );
    fails(
        &home,
        &["keys", "create", "--domain", "example.com"],
        1,
        "add it with `tallymark domains add example.com`",
    );
    fails(&home, &["keys", "revoke", "17"], 1, "`tallymark keys list` shows all");
    fails(
        &home,
        &["domains", "add", "not a domain"],
        1,
        "not a domain is not a domain that can be added",
    );
    fails(
        &home,
        &["quarantine", "show", "17"],
        1,
        "`tallymark quarantine list` shows all",
    );
    home.run(&["accounts", "add", "other"]).success();
    fails(
        &home,
        &["keys", "create"],
        1,
        "which account? Say --account NAME; there are acme, other",
    );
    fails(&home, &["frobnicate"], 2, "unrecognized subcommand");
    fails(&home, &["import"], 2, "PATH");
}

#[test]
fn domains_and_keys_come_and_go() {
    let home = Home::new();
    let mut command = home.command(&["domains", "add", "Example.COM"]);
    command.env("TALLYMARK__INSTALLATION__RUA_HOST", "rua.example.net");
    let added = stdout(&command.assert().success());
    assert!(added.contains("example.com is there, in account default"), "{added}");
    assert!(added.contains("rua=mailto:"), "{added}");
    fails(&home, &["domains", "add", "example.com"], 1, "has example.com already");
    assert!(stdout(&home.run(&["domains", "list"]).success()).contains("example.com"));

    let key = stdout(&home.run(&["keys", "create", "--quiet"]).success());
    assert!(key.starts_with("sk_live_") && key.trim_end().len() == 51, "{key}");
    let listed = stdout(&home.run(&["keys", "list"]).success());
    assert!(
        listed.contains(&key[..12]) && !listed.contains(key.trim_end()),
        "{listed}"
    );
    home.run(&["keys", "revoke", &key[..12]]).success();
    fails(&home, &["keys", "revoke", &key[..12]], 1, "no key in use begins with");

    let shown = stdout(&home.run(&["domains", "remove", "example.com"]).code(1));
    assert!(shown.contains("tallymark domains remove example.com --yes"), "{shown}");
    assert!(
        stdout(&home.run(&["domains", "list"]).success()).contains("example.com"),
        "nothing was removed"
    );
    home.run(&["domains", "remove", "example.com", "--yes"]).success();
    assert!(!stdout(&home.run(&["domains", "list"]).success()).contains("example.com"));
}

#[test]
fn a_test_account_has_test_keys() {
    let home = Home::new();
    home.run(&["accounts", "add", "trial", "--test"]).success();
    let key = stdout(&home.run(&["keys", "create", "--quiet"]).success());
    assert!(key.starts_with("sk_test_"), "{key}");
    assert!(stdout(&home.run(&["accounts", "list"]).success()).contains("trial"));
}

#[test]
fn completions_name_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&home.run(&["completions", shell]).success());
        assert!(script.contains("quarantine"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
}
