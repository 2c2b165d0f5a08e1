//! What is in packaging/ is good as it stands.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Home, stdout};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging")
}

#[test]
fn the_example_settings_are_good() {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let path = path.to_str().unwrap();
            let said = stdout(&Home::new().run(&["config", "check", path]).success());
            // The database that a node's settings name is not there.
            let (first, notes) = said.split_once('\n').unwrap();
            assert_eq!(first, format!("{path} is good"));
            for note in notes.lines() {
                assert!(note.starts_with("note: the database cannot be looked at"), "{note}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}

/// systemd understands every line of the unit, and finds little that it could still be kept from.
#[test]
fn the_unit_is_good_and_hardened() {
    let unit = std::fs::read_to_string(folder().join("tallymark.service")).unwrap();
    let check = |unit: &str, arguments: &[&str]| {
        let home = Home::new();
        let path = home.file("tallymark.service", unit);
        let done = Command::new("systemd-analyze").args(arguments).arg(path).output();
        let done = done.expect("systemd is needed: apt-get install systemd");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        (done.status.success(), said)
    };
    let here = unit.replace(
        "ExecStart=tallymark ",
        concat!("ExecStart=", env!("CARGO_BIN_EXE_tallymark"), " "),
    );
    let verify = |unit: &str| {
        let (success, said) = check(unit, &["verify", "--man=no"]);
        let complaints: Vec<_> = said.lines().filter(|line| line.contains("tallymark.service")).collect();
        (success && complaints.is_empty(), said.clone())
    };
    assert_ne!(here, unit);
    assert_eq!(verify(&here), (true, String::new()));
    assert!(!verify(&here.replace("ProtectSystem=strict", "ProtectSistem=strict")).0);

    // 0 is safe, 100 is not; a service without any of it has 96.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let (success, said) = check(&here, &security);
    assert!(success, "{said}");
    let bare = here.split("# Port 25").next().unwrap();
    assert!(!check(bare, &security).0);
}

/// What the image is built from is there.
#[test]
fn the_container_file_copies_what_there_is() {
    let text = std::fs::read_to_string(folder().join("Containerfile")).unwrap();
    let mut copied = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        if line.starts_with("--from") {
            continue;
        }
        let (from, _) = line.rsplit_once(' ').unwrap();
        for path in from.split(' ') {
            assert!(folder().join("..").join(path).exists(), "{path}");
            copied.push(path);
        }
    }
    // Whatever the program's own text includes must be among it.
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "migrations",
        "fixtures/demo",
        "benches",
        "tests",
    ] {
        assert!(copied.contains(&needed), "{needed}");
    }
}
