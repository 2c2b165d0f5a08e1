//! The program is killed at any moment, and again, and again: in the end every report is there, once.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;

use super::super::cli::Home;
use super::{mail, xml_at};

const REPORTS: u64 = 3_000;

fn write_mails(home: &Home) {
    for nth in 0..REPORTS {
        let begin = 1_704_067_200 + 3_600 * nth.cast_signed();
        let domain = format!("s{}.example.com", nth % 7);
        let report = xml_at(&domain, &nth.to_string(), nth % 10 + 1, (begin, begin + 86_399));
        home.file(&format!("mails/{nth}"), mail(&[("a.xml", &report)]));
    }
}

fn import(home: &Home) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .current_dir(home.path())
        .args(["import", "--add-domains", "--json", "mails"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// When the program last wrote to its files.
fn written(home: &Home) -> [Option<SystemTime>; 2] {
    let folder = home.path().join("tallymark-data");
    ["tallymark.sqlite", "tallymark.sqlite-wal"].map(|name| fs::metadata(folder.join(name)).ok()?.modified().ok())
}

/// Lets it run until its files have changed `steps` times, then kills it.
fn kill_after(home: &Home, mut child: Child, steps: u32) -> bool {
    let (mut seen, mut changes) = (written(home), 0);
    while changes < steps {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let now = written(home);
        changes += u32::from(now != seen);
        seen = now;
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

#[test]
fn killed_at_any_moment_every_report_is_counted_once() {
    let home = Home::new();
    write_mails(&home);
    let mut killed = 0;
    for round in 0..20_u32 {
        // A few steps, never the same number twice in a row: from before the schema is there to deep in the work.
        killed += u32::from(kill_after(&home, import(&home), 1 + (round * 7) % 23));
    }
    assert!(killed >= 15, "only {killed} were killed: the test proves nothing");
    completes(&home);
}

/// A disk that is full (here: a file that may not grow) refuses and loses nothing: with room, the same command goes on.
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let home = Home::new();
    write_mails(&home);
    let mut refused = 0;
    // Blocks of 512 bytes (dash) or 1 KiB (bash); either is met somewhere in the work.
    for blocks in [300, 600, 1_200, 2_400] {
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" import --add-domains --json mails");
        let done = Command::new("sh")
            .current_dir(home.path())
            .args(["-c", &limited, env!("CARGO_BIN_EXE_tallymark")])
            .output()
            .unwrap();
        refused += u32::from(!done.status.success());
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(1) || done.status.success(),
            "{:?} {said}",
            done.status
        );
    }
    assert!(refused >= 2, "only {refused} were refused: the test proves nothing");
    completes(&home);
}

/// Imports to the end: every report is there, once.
fn completes(home: &Home) {
    let mut child = import(home);
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    let summary: Value = serde_json::from_str(&printed).unwrap();
    let (stored, duplicates) = (&summary["reports"]["stored"], &summary["reports"]["duplicates"]);
    assert_eq!(
        stored.as_u64().unwrap() + duplicates.as_u64().unwrap(),
        REPORTS,
        "{summary}"
    );
    let verified = home.run(&["verify", "--json"]).success();
    let verified: Value = serde_json::from_slice(&verified.get_output().stdout).unwrap();
    assert_eq!(verified["reports"], REPORTS);
    assert_eq!(verified["messages"], REPORTS / 10 * 55);
    assert_eq!(verified["discrepancies"], Value::Array(Vec::new()));
}
