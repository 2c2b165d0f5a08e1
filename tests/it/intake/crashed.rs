//! A message that ends the process each time it is read is not read for ever: at the third attempt it is in quarantine.

use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::super::cli::Home;
use super::{mail, xml};

/// A report that takes a while to read.
fn large(nth: u64) -> String {
    let mut records = String::new();
    for nth in 0..20_000_u32 {
        let [_, b, c, d] = nth.to_be_bytes();
        write!(
            records,
            "<record><row><source_ip>10.{b}.{c}.{d}</source_ip><count>1</count><policy_evaluated>\
             <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\
             <identifiers><header_from>example.com</header_from></identifiers></record>"
        )
        .unwrap();
    }
    xml("example.com", &nth.to_string(), nth).replace("</feedback>", &format!("{records}</feedback>"))
}

fn import(home: &Home) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .current_dir(home.path())
        .args(["import", "--add-domains", "--json", "mails"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The states of the journal's rows; rows of 32 bytes.
fn states(home: &Home) -> Vec<u8> {
    let file = fs::read(home.path().join("tallymark-data/reading-1")).unwrap_or_default();
    file.chunks_exact(32).map(|row| row[0]).collect()
}

/// Kills an import while it reads a message that is noted; `ended`: a process ended with one before.
fn kill_while_reading(home: &Home, ended: bool) {
    let mut child = import(home);
    let is_reading = |states: &[u8]| states.contains(&1) && states.contains(&2) == ended;
    while !is_reading(&states(home)) {
        assert!(child.try_wait().unwrap().is_none(), "it was never seen reading");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn finish(home: &Home) -> Value {
    let done = home.run(&["import", "--add-domains", "--json", "mails"]).success();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

fn verified_messages(home: &Home) -> u64 {
    let verified = home.run(&["verify", "--json"]).success();
    let verified: Value = serde_json::from_slice(&verified.get_output().stdout).unwrap();
    assert_eq!(verified["discrepancies"], Value::Array(Vec::new()));
    verified["messages"].as_u64().unwrap()
}

#[test]
fn a_message_with_which_the_process_ended_twice_is_in_quarantine_unread() {
    let home = Home::new();
    home.file("mails/large", large(1));
    kill_while_reading(&home, false);
    kill_while_reading(&home, true);
    // What comes with it is read.
    home.file("mails/small", mail(&[("a.xml", &xml("example.com", "small", 7))]));
    let summary = finish(&home);
    assert_eq!(summary["reports"]["stored"], 1, "{summary}");
    assert_eq!(summary["quarantined"]["crashed_before"], 1, "{summary}");
    assert_eq!(verified_messages(&home), 7);
    // It stays so, until the operator replays it.
    finish(&home);
    assert_eq!(verified_messages(&home), 7);
    let listed = home.run(&["quarantine", "list"]).success();
    let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    assert!(listed.contains("crashed_before"), "{listed}");
    home.run(&["quarantine", "replay", "--all"]).success();
    assert_eq!(verified_messages(&home), 7 + 20_001);
    assert!(
        states(&home).iter().all(|state| *state == 0),
        "nothing is noted any more"
    );
}

/// The control: once is no more than an accident, and a message that was read in between starts at zero again.
#[test]
fn a_message_that_can_be_read_is_counted_however_often_the_process_ended_with_it() {
    let home = Home::new();
    for nth in [1, 2] {
        home.file(&format!("mails/{nth}"), large(nth));
    }
    kill_while_reading(&home, false);
    assert_eq!(finish(&home)["reports"]["stored"], 2);
    kill_while_reading(&home, false);
    kill_while_reading(&home, true);
    // Another file of the same bytes as ever: both were read before, and each process ended with one of them at most twice.
    fs::remove_dir_all(home.path().join("mails")).unwrap();
    home.file("mails/three", large(3));
    assert_eq!(finish(&home)["reports"]["stored"], 1);
    assert_eq!(verified_messages(&home), 3 * 20_000 + 6);
}
