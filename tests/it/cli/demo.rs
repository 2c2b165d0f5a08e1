//! `tallymark serve --demo`, as the README says: start it, paste the lines, stop it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Home, stderr, stdout};

/// Where a demo is kept that was told no folder.
const FOLDER: &str = "tallymark-data-demo";

/// A running demo.
struct Demo {
    child: Child,
    welcome: String,
}

impl Demo {
    /// Starts it on a free port and reads what it prints, to the last line of the welcome.
    fn start(home: &Home) -> Self {
        Self::start_with(home, &[])
    }

    fn start_with(home: &Home, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
            .current_dir(home.path())
            .args(options)
            .args(["serve", "--demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut welcome = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            welcome += &(line.unwrap() + "\n");
            if welcome.contains("Ctrl-C stops it") {
                break;
            }
        }
        Self { child, welcome }
    }

    /// The lines to paste.
    fn curls(&self) -> Vec<String> {
        let lines = self.welcome.lines().map(str::trim);
        lines
            .filter(|line| line.starts_with("curl "))
            .map(str::to_owned)
            .collect()
    }

    fn key(&self) -> &str {
        self.welcome
            .lines()
            .find_map(|line| line.strip_prefix("API key: "))
            .unwrap()
    }

    fn address(&self) -> String {
        let (_, rest) = self.welcome.split_once("http://").unwrap();
        rest.split(':').take(2).collect::<Vec<_>>().join(":")
    }

    /// Stops it as Ctrl-C does.
    fn stop(mut self) {
        assert!(sh(&format!("kill -INT {}", self.child.id())).0);
        assert!(self.child.wait().unwrap().success());
    }
}

fn sh(line: &str) -> (bool, String) {
    let done = Command::new("sh").args(["-c", line]).output().unwrap();
    (done.status.success(), String::from_utf8(done.stdout).unwrap())
}

fn paste(line: &str) -> Value {
    let (went, answer) = sh(line);
    assert!(went, "{line}");
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line} answered {answer:?}: {error}"))
}

fn sum(rows: &Value, field: &str) -> u64 {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row[field].as_u64().unwrap())
        .sum()
}

#[test]
fn the_printed_link_signs_in_once() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let link = demo
        .welcome
        .split_whitespace()
        .find(|word| word.contains("/sign-in/"))
        .unwrap();
    let status = |how: &str, address: &str| {
        let line = format!("curl -s -o /dev/null -w '%{{http_code}} %{{redirect_url}}' {how} '{address}'");
        sh(&line).1
    };
    let own = "-X POST -H 'Sec-Fetch-Site: same-origin'";
    // Looking at it uses nothing up, and no other site can use it.
    for _ in 0..2 {
        assert_eq!(status("", link).trim(), "200");
    }
    assert_eq!(status("-X POST -H 'Sec-Fetch-Site: cross-site'", link).trim(), "403");
    let wrong = format!("{}0", &link[..link.len() - 1]);
    let other = format!("{}1", &link[..link.len() - 1]);
    let wrong = if wrong == link { other } else { wrong };
    assert_eq!(status(own, &wrong).trim(), "410");
    assert!(status(own, link).starts_with("303 http://"), "{}", demo.welcome);
    assert_eq!((status(own, link).trim(), status("", link).trim()), ("410", "410"));
    demo.stop();
}

#[test]
fn the_three_lines_work_as_pasted_and_agree() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let curls = demo.curls();
    assert_eq!(curls.len(), 3, "{}", demo.welcome);
    let [stats, sources, reports] = [0, 1, 2].map(|nth: usize| paste(&curls[nth]));

    let total = stats["total_messages"].as_u64().unwrap();
    assert!(total > 10_000, "{stats}");
    let days = &stats["daily_stats"];
    assert_eq!(days.as_array().unwrap().len(), 30);
    assert_eq!(sum(days, "pass") + sum(days, "fail"), total);
    assert_eq!(sum(&sources["sources"], "count"), total);
    assert_eq!(reports["reports"].as_array().unwrap().len(), 5);
    let all = paste(&curls[2].replace("per_page=5", "per_page=100"));
    assert_eq!(sum(&all["reports"], "total_count"), total);

    // Yesterday has messages, today none: no report about today can be complete.
    let days = days.as_array().unwrap();
    assert_eq!((&days[29]["pass"], &days[29]["fail"]), (&0.into(), &0.into()));
    assert!(days[28]["pass"].as_u64().unwrap() > 0);
    demo.stop();
    let names = std::fs::read_dir(home.path().join(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let databases = names
        .filter(|name| {
            !["master.key", "tallymark.sqlite.ballast", "tallymark.sqlite.mark"]
                .iter()
                .any(|other| name == other)
        })
        .count();
    assert_eq!(databases, 1, "stopping folds the log into the one file");
    home.run(&["--data", FOLDER, "verify"]).success();
}

/// A visitor of the demo sees which record comes next, and that it is not one to publish.
#[test]
fn the_demo_shows_records_and_says_that_their_host_is_none() {
    let home = Home::new();
    let shown = |options: &[&str]| {
        let demo = Demo::start_with(&home, options);
        let stats = &demo.curls()[0];
        let domain = paste(&stats.replace("/dmarc/stats?days=30", ""));
        demo.stop();
        (domain["rua_address"].to_string(), domain["setup_advice"].to_string())
    };
    let (address, advice) = shown(&[]);
    assert!(address.ends_with("@reports.demo.invalid\""), "{address}");
    assert!(
        advice.contains("no report arrives there") && advice.contains("installation.rua_host"),
        "{advice}"
    );
    // A host that is set is kept.
    home.file("t.toml", "[installation]\nrua_host = \"rua.example.net\"\n");
    let (address, advice) = shown(&["--config", "t.toml"]);
    assert!(address.ends_with("@rua.example.net\""), "{address}");
    assert_eq!(advice, "[]");
}

#[test]
fn starting_it_again_counts_nothing_twice_and_what_was_pasted_still_works() {
    let home = Home::new();
    let first = Demo::start(&home);
    let (old_key, before) = (first.key().to_owned(), paste(&first.curls()[0]));
    first.stop();
    let second = Demo::start(&home);
    assert_ne!(second.key(), old_key);
    assert_eq!(paste(&second.curls()[0]), before);
    // With the old key, and so with the old id of the domain.
    let old_line = second.curls()[0].replace(second.key(), &old_key);
    assert_eq!(paste(&old_line), before);
    second.stop();
    // Many starts do not leave any number of keys behind.
    for _ in 0..10 {
        Demo::start(&home).stop();
    }
    let last = Demo::start(&home);
    assert_eq!(paste(&last.curls()[0]), before);
    let refused = paste(&last.curls()[0].replace(last.key(), &old_key));
    assert_eq!(refused["code"], "unauthorized");
    last.stop();
}

/// B22: two servers on one file, whichever began first and however the first one ended.
#[test]
fn a_second_server_on_the_same_file_is_refused_and_changes_nothing() {
    let home = Home::new();
    let first = Demo::start(&home);
    let before = paste(&first.curls()[0]);
    std::os::unix::fs::symlink(home.path().join(FOLDER), home.path().join("link")).unwrap();
    for arguments in [
        &["serve", "--demo", "--listen", "127.0.0.1:0"][..],
        &["--data", FOLDER, "serve", "--listen", "127.0.0.1:0"],
        &["--data", "link", "serve", "--demo", "--listen", "127.0.0.1:0"],
    ] {
        let refused = home.command(arguments).timeout(Duration::from_secs(60)).assert();
        let said = stderr(&refused.code(1));
        let expect = format!("another tallymark (process {}) serves ", first.child.id());
        assert!(said.contains(&expect) && said.contains("--data DIR"), "{said}");
    }
    assert_eq!(
        paste(&first.curls()[0]),
        before,
        "its key, its domain and its reports stay"
    );
    // Another folder is another installation.
    let second = Demo::start_with(&home, &["--data", "other"]);
    assert!(paste(&second.curls()[0])["total_messages"].as_u64().unwrap() > 0);
    second.stop();
    // One that is killed leaves no lock.
    let Demo { mut child, .. } = first;
    child.kill().unwrap();
    child.wait().unwrap();
    Demo::start(&home).stop();
}

/// B22: the README's steps, one after the other.
#[test]
fn own_reports_do_not_end_in_the_demo() {
    let home = Home::new();
    Demo::start(&home).stop();
    home.file("1.xml", super::report("one", 3));
    home.run(&["import", "--add-domains", "1.xml"]).success();
    let listed = stdout(&home.run(&["domains", "list"]).success());
    assert!(listed.contains("default") && !listed.contains("demo"), "{listed}");
    let verified = stdout(&home.run(&["verify"]).success());
    assert!(verified.contains("1 report, 1 record, 3 messages"), "{verified}");

    // Nor where both share a folder because they were told to.
    Demo::start_with(&home, &["--data", "shared"]).stop();
    for command in [
        &["import", "--add-domains", "1.xml"][..],
        &["keys", "create"],
        &["domains", "add", "example.net"],
    ] {
        home.run(&[&["--data", "shared"], command].concat()).success();
    }
    let listed = stdout(&home.run(&["--data", "shared", "domains", "list"]).success());
    let accounts: Vec<_> = listed
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| (words[0].to_owned(), words[2].to_owned()))
        .collect();
    let row = |domain: &str, account: &str| (domain.to_owned(), account.to_owned());
    assert_eq!(accounts.len(), 3, "{listed}");
    for expect in [
        row("example.com", "demo"),
        row("example.com", "default"),
        row("example.net", "default"),
    ] {
        assert!(accounts.contains(&expect), "{expect:?} in {listed}");
    }
    // The demo starts again without touching them.
    Demo::start_with(&home, &["--data", "shared"]).stop();
    let again = stdout(&home.run(&["--data", "shared", "import", "--json", "1.xml"]).success());
    assert!(again.contains("\"duplicates\":1"), "{again}");
}

#[test]
fn a_taken_port_is_named_with_a_remedy() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let taken = demo.address();
    let refused = home.run(&["serve", "--demo", "--listen", &taken]).code(1);
    let said = stderr(&refused);
    assert!(
        said.contains("is taken") && said.contains("--listen 127.0.0.1:"),
        "{said}"
    );
    // Nothing was touched: the key of the running one still works.
    assert!(paste(&demo.curls()[0])["total_messages"].as_u64().unwrap() > 0);
    demo.stop();
}

#[test]
fn the_commands_work_beside_a_running_server() {
    let home = Home::new();
    let demo = Demo::start(&home);
    let run = |arguments: &[&str]| home.run(&[&["--data", FOLDER], arguments].concat());
    assert!(stdout(&run(&["domains", "list"]).success()).contains("example.com"));
    let key = stdout(&run(&["keys", "create", "--quiet", "--account", "demo"]).success());
    let answer = paste(&demo.curls()[0].replace(demo.key(), key.trim_end()));
    assert!(answer["total_messages"].as_u64().unwrap() > 0, "{answer}");
    run(&["keys", "revoke", &key[..12]]).success();
    let answer = paste(&demo.curls()[0].replace(demo.key(), key.trim_end()));
    assert_eq!(answer["code"], "unauthorized");
    demo.stop();
}
