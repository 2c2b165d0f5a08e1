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
    // A new key before the old one: everything is encrypted anew, and the old one may go.
    let new = "11".repeat(32);
    home.file("tallymark-data/master.key", format!("{new}\n{text}"));
    let done = stdout(&home.run(&["domains", "reseal"]).success());
    assert_eq!(done, "1 key is encrypted anew\n");
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
    fails(&home, &["ips", "remove", "192.0.2.1"], 1, "allocated to nobody");
    fails(&home, &["ips", "add", "nonsense"], 2, "invalid");
}

#[test]
fn regions_and_required_records_come_from_the_settings() {
    let home = Home::new();
    home.file(
        "t.toml",
        "[service]\nhost = \"tally.example\"\nrua_host = \"rua.tally.example\"\n\
         [service.regions.eu-west-1]\nrua_host = \"rua.eu.tally.example\"\n",
    );
    let added = stdout(
        &home
            .run(&["--config", "t.toml", "domains", "add", "example.com"])
            .success(),
    );
    assert!(added.contains("@rua.eu.tally.example"), "{added}");
    home.file("t.toml", "[service.regions.mars-1]\nrua_host = \"a.example\"\n");
    fails(&home, &["config", "check", "t.toml"], 1, "mars-1");
    home.file("t.toml", "[domains]\nrequired = [\"spf\", \"telepathy\"]\n");
    fails(&home, &["config", "check", "t.toml"], 1, "telepathy");
    home.file("t.toml", "[domains]\nrequired = []\n");
    fails(
        &home,
        &["--config", "t.toml", "domains", "add", "example.net"],
        1,
        "domains.required is empty",
    );
}
