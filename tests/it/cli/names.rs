//! `enrich.networks_file`: the operator's own network table, and changing it while the program serves.

use std::path::Path;
use std::process::Command;

use mmdb::{Mmdb, ipinfo};
use serde_json::Value;

use super::super::http::client::Ask;
use super::super::mail::Program;
use super::{Home, report, stderr, stdout};

#[path = "../../../src/enrich/networks/testdata.rs"]
mod mmdb;

/// A table in which the address of the report has this AS name.
fn table(name: &'static str) -> Vec<u8> {
    Mmdb::new(vec![("192.0.2.0/24", ipinfo("AS64500", name, "IE"))]).bytes()
}

/// Puts a file in the place of another, as a downloader does.
fn replace(path: &Path, content: &[u8]) {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, content).unwrap();
    std::fs::rename(draft, path).unwrap();
}

const SETTING: &str = "TALLYMARK__ENRICH__NETWORKS_FILE";

#[test]
fn the_table_of_the_settings_is_shown_and_checked() {
    let home = Home::new();
    let path = home.file("own.mmdb", table("One"));
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env(SETTING, &path);
        command.assert()
    };
    let shown = stdout(&run(&["networks"]).success());
    assert!(shown.contains("own.mmdb") && shown.contains("Test-ASN"), "{shown}");
    assert!(shown.contains("2024-10-04"), "{shown}");
    let shown: Value = serde_json::from_str(&stdout(&run(&["networks", "--json"]).success())).unwrap();
    assert_eq!((&shown["systems"], &shown["day"]), (&1.into(), &"2024-10-04".into()));
    assert!(shown["table"].as_str().unwrap().ends_with("own.mmdb"), "{shown}");
    let found = stdout(&run(&["networks", "find", "192.0.2.1", "8.8.8.8"]).success());
    assert!(
        found.contains("64500") && found.contains("One") && !found.contains("15169"),
        "{found}"
    );
    run(&["config", "check"]).success();
    let without = stdout(&home.run(&["networks"]).success());
    assert!(without.contains("compiled in"), "the control: {without}");

    for (content, complaint) in [
        (&b"no table"[..], "own.mmdb is not a network table"),
        (&table("One")[..100], "own.mmdb is not a network table"),
    ] {
        home.file("own.mmdb", content);
        for arguments in [&["networks"][..], &["config", "check"]] {
            let refused = stderr(&run(arguments).code(1));
            assert!(refused.contains(complaint), "{arguments:?}: {refused}");
        }
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = stderr(&run(&["config", "check"]).code(1));
    assert!(refused.contains("cannot read the file of networks"), "{refused}");
}

/// The AS name of the only source, and the metrics.
async fn answers(program: &Program, key: &str) -> (Value, String) {
    let get = |path: &str| Ask::new("GET", path).key(key);
    let domains = get("/domains").send(program.http).await.json();
    let id = domains["domains"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{domains}"));
    let path = format!("/domains/{id}/dmarc/sources?from=2026-01-01&to=2026-12-31");
    let sources = get(&path).send(program.http).await.json();
    let metrics = Ask::new("GET", "/metrics").send(program.http).await;
    (
        sources["sources"][0]["as_name"].clone(),
        String::from_utf8(metrics.body).unwrap(),
    )
}

#[tokio::test]
async fn a_new_table_renames_senders_while_the_program_serves() {
    let home = Home::new();
    home.run(&["domains", "add", "example.com"]).success();
    home.file("in/1.xml", report("1", 3));
    home.run(&["import", "in"]).success();
    let key = stdout(&home.run(&["keys", "create", "--quiet"]).success());
    let path = home.file("own.mmdb", b"no table");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.current_dir(home.path()).env(SETTING, &path).args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--smtp",
        "127.0.0.1:0",
        "--lmtp",
        "127.0.0.1:0",
    ]);
    let mut program = Program::start(command);
    let (bad, good) = ("cannot be used for names", "names of senders come from a new file");
    let refused = program.logs(bad);
    assert!(refused.contains("own.mmdb is not a network table"), "{refused}");
    let (name, metrics) = answers(&program, key.trim()).await;
    assert_eq!(name, Value::Null, "the compiled-in table knows nothing of 192.0.2.0/24");
    assert!(metrics.contains(r#"tallymark_names_files_total{file="networks",outcome="refused"} 1"#));

    replace(&path, &table("One"));
    program.signal("-HUP");
    program.logs(good);
    let (name, metrics) = answers(&program, key.trim()).await;
    assert_eq!(name, "One");
    assert!(
        metrics.contains("tallymark_networks_data_at_seconds 1728000000"),
        "{metrics}"
    );
    replace(&path, &table("Two"));
    program.signal("-HUP");
    program.logs(good);
    assert_eq!(answers(&program, key.trim()).await.0, "Two");

    // A part of a table, and no file: what was read last stays.
    replace(&path, &table("Three")[..200]);
    program.signal("-HUP");
    program.logs(bad);
    assert_eq!(answers(&program, key.trim()).await.0, "Two");
    std::fs::remove_file(&path).unwrap();
    program.signal("-HUP");
    program.logs(bad);
    let (name, metrics) = answers(&program, key.trim()).await;
    assert_eq!(name, "Two");
    assert!(metrics.contains(r#"tallymark_names_files_total{file="networks",outcome="refused"} 3"#));
    assert!(metrics.contains(r#"tallymark_names_files_total{file="networks",outcome="read"} 2"#));
    program.stop();
}
