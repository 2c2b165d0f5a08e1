//! Keys and addresses of domains, from the command line.

use std::os::unix::fs::PermissionsExt as _;

use aws_lc_rs::rsa::KeyPair;
use base64::Engine as _;

use super::{Home, fails, stdout};

#[test]
fn a_private_key_is_exported_and_survives_only_with_the_key_file() {
    let home = Home::new();
    home.run(&["domains", "add", "example.com"]).success();
    let pem = stdout(&home.run(&["domains", "dkim-key", "example.com"]).success());
    let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(digits).unwrap();
    assert!(KeyPair::from_pkcs8(&der).is_ok());
    // By its id, and the same every time.
    let list = stdout(&home.run(&["domains", "list"]).success());
    let id = list.split_whitespace().find(|word| word.starts_with("dom_")).unwrap();
    assert_eq!(stdout(&home.run(&["domains", "dkim-key", id]).success()), pem);
    fails(
        &home,
        &["domains", "dkim-key", "example.net"],
        1,
        "has no domain example.net",
    );

    let file = home.path().join("tallymark-data/master.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    // A new key before the old one: everything is encrypted again, and the old one may go.
    let new = "11".repeat(32);
    home.file("tallymark-data/master.key", format!("{new}\n{text}"));
    let done = stdout(&home.run(&["domains", "reseal"]).success());
    assert_eq!(done, "1 key is encrypted again\n");
    home.file("tallymark-data/master.key", &new);
    assert_eq!(stdout(&home.run(&["domains", "dkim-key", id]).success()), pem);
    // Without it nothing new is made in its place.
    std::fs::remove_file(&file).unwrap();
    fails(&home, &["domains", "dkim-key", id], 1, "encrypted with another key");
    assert!(!file.exists());
    let mut command = home.command(&["domains", "dkim-key", id]);
    let given = command
        .env("TALLYMARK__DOMAINS__MASTER_KEYS", format!("[\"{new}\"]"))
        .assert();
    assert_eq!(stdout(&given.success()), pem);
}

/// A database with a domain whose key is sealed, restored into another folder, where `master.key` is as `spoil` leaves it.
fn restored(spoil: impl FnOnce(&std::path::Path)) -> (Home, Vec<u8>) {
    let home = Home::new();
    home.file("report.xml", super::report("r1", 3));
    home.run(&["import", "--add-domains", "report.xml"]).success();
    home.run(&["ips", "add", "192.0.2.1"]).success();
    home.run(&["domains", "dkim-key", "example.com"]).success();
    let data = home.path().join("tallymark-data");
    let key = std::fs::read(data.join("master.key")).unwrap();
    std::fs::remove_file(data.join("master.key")).unwrap();
    spoil(&data.join("master.key"));
    (home, key)
}

/// How often the warning about lost keys is on standard error.
fn warnings(done: &assert_cmd::assert::Assert) -> usize {
    String::from_utf8_lossy(&done.get_output().stderr)
        .matches("warning: ")
        .count()
}

/// A private key is for nothing but signing mail: without what it was encrypted with everything else works.
#[test]
fn a_lost_master_key_costs_the_keys_it_sealed_and_nothing_else() {
    let other = "22".repeat(32);
    type Spoil = Box<dyn Fn(&std::path::Path)>;
    let spoils: [(&str, Spoil); 5] = [
        ("is missing", Box::new(|_| {})),
        (
            "another one",
            Box::new(move |path| std::fs::write(path, &other).unwrap()),
        ),
        (
            "not 64 hexadecimal digits",
            Box::new(|path| std::fs::write(path, "half a ke").unwrap()),
        ),
        (
            "not 64 hexadecimal digits",
            Box::new(|path| std::fs::write(path, "").unwrap()),
        ),
        // Root may read every file, but no folder as one.
        ("master.key", Box::new(|path| std::fs::create_dir(path).unwrap())),
    ];
    for (reason, spoil) in spoils {
        let (home, _) = restored(|path| spoil(path));
        let commands: [&[&str]; 15] = [
            &["verify"],
            &["domains", "list"],
            &["domains", "reseal"],
            &["domains", "add", "example.net"],
            &["keys", "create"],
            &["keys", "list"],
            &["accounts", "add", "acme"],
            &["accounts", "list"],
            &["ips", "add", "192.0.2.2", "--account", "acme"],
            &["ips", "list"],
            &["ips", "remove", "192.0.2.2"],
            &["quarantine", "list"],
            &["import", "report.xml"],
            &["parse", "report.xml"],
            &["domains", "remove", "example.net", "--account", "default", "--yes"],
        ];
        for command in commands {
            let done = home.run(command).success();
            let expect = usize::from(command[0] != "parse");
            let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
            if command[0] != "parse" {
                assert_eq!(warnings(&done), expect, "{reason}: {command:?}: {said}");
                assert!(
                    said.contains("lost: ") && said.contains("--renew"),
                    "{reason}: {command:?}: {said}"
                );
            }
        }
        let lost = home.run(&["domains", "dkim-key", "example.com", "--account", "default"]);
        let said = String::from_utf8_lossy(&lost.code(1).get_output().stderr).into_owned();
        assert!(said.contains("--renew"), "{said}");
        home.run(&["domains", "remove", "example.com", "--account", "default", "--yes"])
            .success();
        let after = home.run(&["verify"]).success();
        assert!(!String::from_utf8_lossy(&after.get_output().stderr).contains("lost: "));
    }
}

/// And it is served: one warning, and the domain's DKIM record says what is lost.
#[tokio::test]
async fn a_restored_backup_without_its_master_key_is_served() {
    let (home, _) = restored(|_| {});
    let key = stdout(&home.run(&["keys", "create", "--quiet"]).success())
        .trim()
        .to_owned();
    let list = stdout(&home.run(&["domains", "list"]).success());
    let id = list
        .split_whitespace()
        .find(|word| word.starts_with("dom_"))
        .unwrap()
        .to_owned();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command
        .current_dir(home.path())
        .env("TALLYMARK__PROVENANCE__CHECK", "false");
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--smtp",
        "127.0.0.1:0",
        "--lmtp",
        "127.0.0.1:0",
    ]);
    let program = crate::mail::Program::start(command);
    let get = async |path: &str| {
        crate::http::Ask::new("GET", path)
            .key(&key)
            .send(program.http)
            .await
            .expect(200)
    };
    let domain = get(&format!("/domains/{id}")).await;
    let records = domain["dns_records"].as_array().unwrap();
    let dkim = records.iter().find(|record| record["purpose"] == "dkim").unwrap();
    let problem = dkim["problem"].as_str().unwrap();
    assert!(
        problem.contains("lost") && problem.contains("dkim-key --renew example.com"),
        "{problem}"
    );
    assert_eq!(dkim["suggested"], serde_json::Value::Null);
    assert_eq!(
        get(&format!("/domains/{id}/dmarc/stats?days=3650")).await["total_messages"],
        3
    );
    let advice = get("/readyz").await["advice"].to_string();
    assert!(advice.contains("installation.rua_host"), "{advice}");
    assert!(!domain.to_string().contains("rua=mailto:"), "{domain}");
    let log = program.stop();
    let count = |what: &str| log.iter().filter(|line| line.contains(what)).count();
    assert_eq!(
        (count("DKIM key is lost"), count("set installation.rua_host")),
        (1, 1),
        "{log:?}"
    );
}

#[test]
fn a_lost_key_is_replaced_and_a_found_master_key_still_opens_the_others() {
    let (home, old) = restored(|_| {});
    let file = home.path().join("tallymark-data/master.key");
    let renewed = home.run(&["domains", "dkim-key", "--renew", "example.com"]).success();
    let pem = stdout(&renewed);
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"), "{pem}");
    assert!(String::from_utf8_lossy(&renewed.get_output().stderr).contains("tallymark2._domainkey.example.com"));
    let again = home.run(&["domains", "dkim-key", "example.com"]).success();
    assert_eq!((stdout(&again), warnings(&again)), (pem.clone(), 0));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Another, while nothing is lost.
    let third = home.run(&["domains", "dkim-key", "--renew", "example.com"]).success();
    assert_ne!(stdout(&third), pem);
    assert!(String::from_utf8_lossy(&third.get_output().stderr).contains("tallymark3._domainkey.example.com"));
    // The control: with the old file in its place this key is the lost one.
    std::fs::write(&file, old).unwrap();
    fails(
        &home,
        &["domains", "dkim-key", "example.com"],
        1,
        "encrypted with another key",
    );
}

/// No mail is received at a placeholder.
#[test]
fn without_a_host_for_reports_no_record_is_offered() {
    for settings in [
        "",
        "[installation]\nrua_host = \"\"\n",
        "[installation]\nhost = \"tallymark.example\"\nrua_host = \"rua.tallymark.example\"\n",
        "[installation]\nrua_host = \"Reports.Tallymark.Example.\"\n",
    ] {
        let home = Home::new();
        home.file("t.toml", settings);
        let run = |arguments: &[&str]| {
            let done = home.run(&[&["--config", "t.toml"], arguments].concat()).success();
            let output = done.get_output();
            String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
        };
        for said in [run(&["domains", "add", "example.com"]), run(&["domains", "list"])] {
            assert!(said.contains("installation.rua_host"), "{said}");
            assert!(!said.contains("rua=mailto:") && !said.contains('@'), "{said}");
        }
    }
    // The control.
    let home = Home::new();
    home.file("t.toml", "[installation]\nrua_host = \"rua.example.net\"\n");
    let added = stdout(
        &home
            .run(&["--config", "t.toml", "domains", "add", "example.com"])
            .success(),
    );
    assert!(
        added.contains("@rua.example.net") && !added.contains("service."),
        "{added}"
    );
}

#[test]
fn addresses_are_allocated_listed_and_taken_back() {
    let home = Home::new();
    home.run(&["accounts", "add", "acme"]).success();
    home.run(&["ips", "add", "192.0.2.1", "--account", "acme"]).success();
    fails(&home, &["ips", "add", "192.0.2.1"], 1, "is allocated already");
    let list = stdout(&home.run(&["ips", "list"]).success());
    let row: Vec<&str> = list.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["1", "192.0.2.1", "acme", "0"]);
    home.run(&["ips", "remove", "192.0.2.1"]).success();
    fails(&home, &["ips", "remove", "192.0.2.1"], 1, "is not allocated");
    fails(&home, &["ips", "add", "nonsense"], 2, "invalid");
}

#[test]
fn regions_and_required_records_come_from_the_settings() {
    let home = Home::new();
    home.file(
        "t.toml",
        "[installation]\nhost = \"tally.example\"\nrua_host = \"rua.tally.example\"\n\
         [installation.regions.eu-west-1]\nrua_host = \"rua.eu.tally.example\"\n",
    );
    let added = stdout(
        &home
            .run(&["--config", "t.toml", "domains", "add", "example.com"])
            .success(),
    );
    assert!(added.contains("@rua.eu.tally.example"), "{added}");
    home.file("t.toml", "[installation.regions.mars-1]\nrua_host = \"a.example\"\n");
    fails(&home, &["config", "check", "t.toml"], 1, "mars-1");
    home.file("t.toml", "[domains]\nrequired = [\"spf\", \"telepathy\"]\n");
    fails(&home, &["config", "check", "t.toml"], 1, "telepathy");
}
