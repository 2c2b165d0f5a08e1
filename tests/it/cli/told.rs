//! What people are told: a reason once and with its path, strangers' texts made safe, and advice that can be followed.

use std::path::Path;
use std::process::Command;

use super::{Home, fails, report, stderr, stdout};
use crate::sqlite;

/// A report about this domain.
fn report_about(domain: &str) -> String {
    let domain = domain.replace('&', "&amp;").replace('<', "&lt;");
    report("one", 1).replace(
        "<domain>example.com</domain><p>",
        &format!("<domain>{domain}</domain><p>"),
    )
}

/// The line that begins like this, without that beginning.
fn line<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim)
}

/// SM6, T10: a command is offered only for a name that can be added; pasted into a shell it adds that domain.
#[test]
fn a_command_to_paste_holds_only_names_that_can_be_added() {
    let label = "a".repeat(64);
    for name in [
        "`id`.com",
        "$(touch pwned).com",
        "a;touch pwned;.com",
        "-x.com",
        "--yes",
        "a b.com",
        "a|b.com",
        "it's.com",
        "co.uk",
        &format!("{label}.example.com"),
    ] {
        let home = Home::new();
        home.file("1.xml", report_about(name));
        let imported = stdout(&home.run(&["import", "1.xml"]).success());
        let shown = stdout(&home.run(&["quarantine", "show", "1"]).code(0));
        assert!(!imported.contains("domains add"), "{name}: {imported}");
        assert!(!shown.contains("domains add"), "{name}: {shown}");
        if shown.contains("unclaimed") {
            assert!(imported.contains("No such domain can be added"), "{name}: {imported}");
            assert!(shown.contains("no domain can be added"), "{name}: {shown}");
        }
    }
    for name in ["example.com", "MAIL.Example.com", "münchen.example.com"] {
        let home = Home::new();
        let data = "my data";
        home.file("1.xml", report_about(name));
        let imported = stdout(&home.run(&["--data", data, "import", "1.xml"]).success());
        let command = line(&imported, "To count them:").expect(&imported).to_owned();
        let shown = stdout(&home.run(&["--data", data, "quarantine", "show", "1"]).success());
        assert_eq!(line(&shown, "to count it"), Some(&*command), "{shown}");
        // As pasted: it finds the folder that was asked for.
        let program = Path::new(env!("CARGO_BIN_EXE_tallymark")).parent().unwrap();
        let pasted = Command::new("sh")
            .args(["-c", &format!("PATH={}:$PATH; {command}", program.display())])
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(pasted.status.success(), "{command}: {pasted:?}");
        let listed = stdout(&home.run(&["--data", data, "quarantine", "list"]).success());
        assert_eq!(listed, "there is nothing\n", "{command}");
    }
    // Of several names the first that can be added.
    let home = Home::new();
    home.file("1.xml", report_about("`id`.com"));
    home.file("2.xml", report_about("example.org"));
    let imported = stdout(&home.run(&["import", "1.xml", "2.xml"]).success());
    assert_eq!(
        line(&imported, "To count them:"),
        Some("tallymark domains add example.org"),
        "{imported}"
    );
}

/// SL4: names of files and texts of reports, in every format that is printed.
#[test]
fn no_format_gives_a_terminal_what_a_stranger_wrote() {
    let home = Home::new();
    let hostile = [
        "\u{1b}[31m",
        "\u{9b}2J",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{7f}",
        "\u{ad}",
        "\u{2028}",
        "\u{e0041}",
    ];
    let texts: String = hostile
        .iter()
        .filter(|text| !text.contains(['\u{1b}', '\u{7f}']))
        .copied()
        .collect();
    let file = format!("{}.xml", hostile.concat());
    home.file(
        &file,
        report("one", 3)
            .replace("<org_name>Reporter", &format!("<org_name>{texts}Reporter"))
            .replace(
                "</header_from>",
                &format!("</header_from><envelope_from>{texts}a.com</envelope_from>"),
            ),
    );
    let unsafe_in = |text: &str| {
        text.chars()
            .filter(|&c| c != '\n' && c != '\r' && tallymark::base::text::is_unsafe(c))
            .count()
    };
    assert_eq!(unsafe_in(&file), hostile.len(), "the control: each of them is unsafe");
    for arguments in [
        &["parse", "--format", "csv"][..],
        &["parse", "--format", "json"],
        &["parse", "--format", "table"],
        &["import", "--json"],
        &["import"],
    ] {
        let done = home.run(&[arguments, &[&*file]].concat());
        let (out, err) = (stdout(&done), stderr(&done));
        assert_eq!(unsafe_in(&out) + unsafe_in(&err), 0, "{arguments:?}: {out:?} {err:?}");
    }
    let csv = stdout(&home.run(&["parse", "--format", "csv", &file]).success());
    assert!(csv.contains("\\u{1b}[31m\\u{9b}2J\\u{202e}"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "a record is a line: {csv:?}");
    let json = stdout(&home.run(&["parse", "--format", "json", &file]).success());
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["file"], file, "JSON keeps the text");
    for missing in ["no\u{9b}file", "no\u{202e}file"] {
        let done = home.run(&["parse", missing]);
        assert_eq!(unsafe_in(&stderr(&done)), 0, "{:?}", stderr(&done));
    }
}

/// Every part of the complaint is there once.
fn complains_once(home: &Home, arguments: &[&str], parts: &[&str]) {
    let said = stderr(&home.run(arguments).code(1));
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    for part in parts {
        assert_eq!(said.matches(part).count(), 1, "{part:?} in {said:?}");
    }
    let clauses: Vec<_> = said.trim_start_matches("error: ").trim().split(": ").collect();
    for (nth, clause) in clauses.iter().enumerate() {
        assert!(!clauses[..nth].contains(clause), "{clause:?} twice in {said:?}");
    }
}

/// F17: the system's reason, once, with the path.
#[tokio::test]
async fn an_unusable_file_is_named_once_with_the_systems_reason() {
    let home = Home::new();
    let missing = "No such file or directory";
    complains_once(
        &home,
        &["--config", "missing.toml", "keys", "list"],
        &["missing.toml", missing],
    );
    complains_once(
        &home,
        &["--config", ".", "keys", "list"],
        &["settings file", "Is a directory"],
    );
    home.file("garbled.toml", b"\xff\xfe[http]\n");
    complains_once(
        &home,
        &["--config", "garbled.toml", "keys", "list"],
        &["garbled.toml", "UTF-8"],
    );
    home.file("broken.toml", "[http\n");
    complains_once(&home, &["--config", "broken.toml", "keys", "list"], &["broken.toml:1"]);

    home.file(
        "text/tallymark.sqlite",
        "this is no database, but it is long enough to be looked at as one".repeat(100),
    );
    complains_once(
        &home,
        &["--data", "text", "keys", "list"],
        &[
            "text/tallymark.sqlite",
            "file is not a database",
            "restore it from a backup",
        ],
    );
    std::fs::create_dir_all(home.path().join("folder/tallymark.sqlite")).unwrap();
    complains_once(
        &home,
        &["--data", "folder", "keys", "list"],
        &["folder/tallymark.sqlite", "directory"],
    );
    home.file("file", "");
    complains_once(
        &home,
        &["--data", "file", "keys", "list"],
        &["file/tallymark.sqlite", "Not a directory"],
    );
    std::os::unix::fs::symlink("loop", home.path().join("loop")).unwrap();
    complains_once(
        &home,
        &["--data", "loop", "keys", "list"],
        &["loop/tallymark.sqlite", "symbolic links"],
    );
    complains_once(
        &home,
        &["--data", "/proc/tallymark", "import", "file"],
        &["/proc/tallymark", missing],
    );

    // A table that a newer or foreign program left.
    home.run(&["accounts", "add", "acme"]).success();
    let database = home.path().join("tallymark-data/tallymark.sqlite");
    sqlite(&database, "drop table api_keys").await;
    let said = stderr(&home.run(&["keys", "list"]).code(1));
    assert_eq!(said.matches("no such table").count(), 1, "{said}");
}

/// F17: as a user who may not: what is refused to others is not taken for missing.
#[test]
fn a_forbidden_folder_is_not_called_missing() {
    let home = Home::new();
    home.run(&["accounts", "add", "acme"]).success();
    // Without the temporary folder's own name in the way, the data folder alone refuses.
    let open = |path: &str, mode: &str| {
        let path = home.path().join(path);
        assert!(Command::new("chmod").arg(mode).arg(path).status().unwrap().success());
    };
    open("", "755");
    let as_stranger = |arguments: &[&str]| {
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args([
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    env!("CARGO_BIN_EXE_tallymark"),
                ]);
                command
            }
            false => Command::new(env!("CARGO_BIN_EXE_tallymark")),
        };
        let done = command.args(arguments).current_dir(home.path()).output().unwrap();
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    let locked = if rustix::process::geteuid().is_root() {
        "700"
    } else {
        "000"
    };
    open("tallymark-data", locked);
    for arguments in [&["keys", "list"][..], &["verify"], &["quarantine", "list"]] {
        let said = as_stranger(arguments);
        assert_eq!(said.matches("Permission denied").count(), 1, "{said}");
        assert!(said.contains("tallymark-data/tallymark.sqlite"), "{said}");
        assert!(said.contains("run this as the user that"), "{said}");
        assert!(!said.contains("import reports first"), "{said}");
    }
    // It may be entered and read, but not written.
    open("tallymark-data", "755");
    open("tallymark-data/tallymark.sqlite", "444");
    if rustix::process::geteuid().is_root() {
        let said = as_stranger(&["keys", "list"]);
        assert_eq!(said.matches("Permission denied").count(), 1, "{said}");
        assert!(said.contains("run this as the user that"), "{said}");
    }
    open("tallymark-data", "700");
    open("tallymark-data/tallymark.sqlite", "600");
    home.run(&["keys", "list"]).success();
}

/// B21: a misspelt path leaves nothing behind, and is told once.
#[test]
fn nothing_to_import_makes_no_database() {
    let home = Home::new();
    for arguments in [
        &["import", "/no/such/folder"][..],
        &["import", "--add-domains", "missing.xml", "other/missing.xml"],
        &["import", "--json", "nowhere"],
    ] {
        let done = home.run(arguments).code(1);
        assert_eq!(stdout(&done), "", "{arguments:?}");
        let said = stderr(&done);
        assert!(
            said.contains("cannot read ") && said.contains("nothing was imported"),
            "{said}"
        );
    }
    std::fs::create_dir_all(home.path().join("empty/deeper")).unwrap();
    let said = stdout(&home.run(&["import", "empty"]).success());
    assert_eq!(said, "there is no file to import: nothing was done\n");
    let said = stdout(&home.run(&["import", "--json", "empty"]).success());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap()["files"], 0);
    assert!(!home.path().join("tallymark-data").exists());
    // The control: one file is enough.
    home.file("empty/1.xml", report("one", 3));
    home.run(&["import", "empty", "nowhere"]).code(1);
    assert!(home.path().join("tallymark-data").exists());
}

/// B21: what is not there is said, and not counted as done.
#[test]
fn a_number_that_is_not_there_is_not_counted_as_read() {
    let home = Home::new();
    home.file("broken.xml", "<feedback><report_metadata></feedback>");
    home.run(&["import", "broken.xml"]).success();
    let replayed = |arguments: &[&str]| stdout(&home.run(&[&["quarantine", "replay"], arguments].concat()).code(1));
    let said = replayed(&["999"]);
    assert!(
        said.contains("999: there is no such message") && !said.contains("read again,"),
        "{said}"
    );
    assert!(said.contains("`tallymark quarantine list` shows the numbers"), "{said}");
    let number = "1";
    let said = replayed(&[number, "998", "999", number]);
    assert!(said.contains("1 message read again, 1 still set aside"), "{said}");
    let empty = Home::new();
    empty.run(&["accounts", "add", "acme"]).success();
    let said = stdout(&empty.run(&["quarantine", "replay", "--all"]).success());
    assert_eq!(said, "there is nothing to read again\n");
}

/// B21: advice helps with what was asked for.
#[test]
fn advice_can_be_followed_and_helps() {
    let home = Home::new();
    home.run(&["domains", "add", "example.com"]).success();
    for arguments in [
        &["domains", "remove", "nope.com"][..],
        &["domains", "dkim-key", "nope.com"],
    ] {
        let said = stderr(&home.run(arguments).code(1));
        assert!(
            said.contains("`tallymark domains list` shows all") && !said.contains("domains add"),
            "{said}"
        );
    }
    fails(
        &home,
        &["keys", "create", "--domain", "nope.com"],
        1,
        "`tallymark domains add nope.com`",
    );
    fails(
        &home,
        &["keys", "create", "--account", "a b"],
        1,
        "`tallymark accounts list` shows all",
    );
    fails(
        &home,
        &["keys", "create", "--account=-x"],
        1,
        "`tallymark accounts list` shows all",
    );
    fails(&home, &["accounts", "add", "--", "-x"], 1, "begins with none of");
    fails(
        &home,
        &["ips", "remove", "192.0.2.1"],
        1,
        "`tallymark ips list` shows all",
    );
    fails(
        &home,
        &["--data", "tallymark-data", "quarantine", "show", "7"],
        1,
        "`tallymark --data tallymark-data quarantine list` shows all",
    );
    let shown = stdout(
        &home
            .run(&["domains", "remove", "example.com", "--account", "default"])
            .code(1),
    );
    let command = line(&shown, "To do it:").unwrap();
    assert_eq!(command, "tallymark domains remove example.com --yes --account default");
    let words: Vec<_> = command.split(' ').skip(1).collect();
    home.run(&words).success();
    for nth in 0..12 {
        home.run(&["accounts", "add", &format!("account-{nth}")]).success();
    }
    home.run(&["keys", "create"]).success();
}

/// B21: one word for one thing in the summary.
#[test]
fn a_summary_calls_mails_and_counted_messages_by_two_names() {
    let home = Home::new();
    home.file("1.xml", report("one", 5));
    let said = stdout(&home.run(&["import", "--add-domains", "1.xml"]).success());
    let named: Vec<_> = said
        .lines()
        .filter(|line| line.trim_start().starts_with("messages"))
        .collect();
    assert_eq!(named.len(), 1, "{said}");
    assert!(
        named[0].trim_start().starts_with("messages counted") && named[0].ends_with('5'),
        "{said}"
    );
    assert!(line(&said, "mails and files read").unwrap().starts_with('1'), "{said}");
}
