//! What is kept, and who can read it: old archives, settings that would drop what is there, files of the owner's alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tallymark::app::{App, Purge};
use tallymark::base::clock::Clock;
use tallymark::config::Config;

use super::{Home, report, stdout};

/// A report about example.com whose window began on a day, seconds since 1970.
fn report_on(id: &str, begin: i64) -> String {
    let text = report(id, 5);
    let text = text.replace("<begin>1772323200<", &format!("<begin>{begin}<"));
    text.replace("<end>1772409599<", &format!("<end>{}<", begin + 86_399))
}

/// Begins of windows: of 2012, 2016, 2020, 2023, and of days that are not old.
const BEGINS: [i64; 5] = [
    1_325_376_000,
    1_456_704_000,
    1_577_836_800,
    1_700_006_400,
    1_772_323_200,
];

async fn open(home: &Home, clock: Clock) -> App {
    let mut config = Config::default();
    config.database.dir = home.path().join("data");
    App::open(config, clock).await.unwrap()
}

/// Imports a folder, then has the job run for an hour under a fake clock, and recounts: every record is still there.
async fn an_archive_stays(home: &Home, folder: &Path) {
    let folder = folder.to_str().unwrap();
    let import = ["--data", "data", "import", "--json", "--add-domains", folder];
    let first = stdout(&home.run(&import).success());
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let records = first["reports"]["records"].as_u64().unwrap();
    assert!(records > 0, "{first}");
    let clock = Clock::fixed(Clock::system().now());
    let app = open(home, clock.clone()).await;
    let before = app.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(before.discrepancies, []);
    let purging = app.purging();
    assert_eq!(purging.begin().await.unwrap(), Default::default());
    for _ in 0..6 {
        clock.advance(Duration::from_secs(600));
        assert_eq!(purging.run().await.unwrap(), Purge::Done(Default::default()));
    }
    let after = app.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(after.not_recounted, 0);
    app.close().await;
    let said = stdout(&home.run(&["--data", "data", "verify"]).success());
    assert!(said.ends_with("all figures agree\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_archive_keeps_every_record() {
    let home = Home::new();
    for (nth, begin) in BEGINS.into_iter().enumerate() {
        home.file(&format!("archive/{nth}.xml"), report_on(&nth.to_string(), begin));
    }
    an_archive_stays(&home, &home.path().join("archive")).await;
    // And so do the reports of many programs and years that are in the repository.
    let home = Home::new();
    an_archive_stays(&home, &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_records_are_named_and_come_back() {
    let home = Home::new();
    for (nth, begin) in BEGINS.into_iter().enumerate() {
        home.file(&format!("archive/{nth}.xml"), report_on(&nth.to_string(), begin));
    }
    let import = ["--data", "data", "import", "--add-domains", "archive"];
    let said = stdout(&home.run(&import).success());
    assert!(said.contains("retention.records_days = 0"), "{said}");
    let app = open(&home, Clock::system()).await;
    let later = Clock::system().now() + 401 * 86_400_000;
    let retention = Config::default().retention.kept;
    assert_eq!(app.store.purge(retention, later).await.unwrap().reports, 5);
    app.close().await;

    let verify = || stdout(&home.run(&["--data", "data", "verify"]).success());
    assert!(verify().contains("5 reports could not be recounted"), "{}", verify());
    assert!(!verify().contains("all figures agree"), "{}", verify());
    let json = stdout(&home.run(&["--data", "data", "verify", "--json"]).success());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["not_recounted"], 5);

    let said = stdout(&home.run(&import).success());
    assert!(
        said.contains("records restored") && said.contains("duplicate reports"),
        "{said}"
    );
    let said = stdout(&home.run(&["--data", "data", "verify"]).success());
    assert!(
        said.contains("5 reports, 5 records, 25 messages") && said.ends_with("all figures agree\n"),
        "{said}"
    );
}

#[test]
fn config_check_says_what_the_settings_would_drop() {
    let home = Home::new();
    home.file("a.xml", report("1", 5));
    home.file("b.txt", "Subject: hello\n\nNo report.\n");
    home.run(&["--data", "data", "import", "--add-domains", "a.xml", "b.txt"])
        .success();
    let check = |text: &str| {
        home.file("t.toml", text);
        stdout(&home.run(&["--data", "data", "config", "check", "t.toml"]).success())
    };
    assert_eq!(
        check("[retention]\nrecords_days = 0\nset_aside_days = 0\n"),
        "t.toml is good\n"
    );
    assert_eq!(check(""), "t.toml is good\n");
    let database = home.path().join("data/tallymark.sqlite");
    let old = "update reports set received_at = received_at - 864000000, records_since = records_since - 864000000;
         update originals set received_at = received_at - 864000000;
         update set_aside set received_at = received_at - 864000000";
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(crate::sqlite(&database, old));
    let said = check("[retention]\nrecords_days = 9\noriginals_days = 9\nset_aside_days = 9\n");
    for part in [
        "1 report's records with 1 record",
        "1 original",
        "1 message that was set aside",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(check("[retention]\nrecords_days = 11\n"), "t.toml is good\n");
    let said = check("[retention]\noriginals_days = 0\n");
    assert!(said.contains("retention.originals = false"), "{said}");
    home.file("t.toml", "[limits]\n\nrecords_max = 0\n");
    super::fails(
        &home,
        &["config", "check", "t.toml"],
        1,
        "t.toml:3: limits.records_max is 0",
    );
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn written_files_are_only_for_their_owner() {
    let home = Home::new();
    home.file("a.xml", report("1", 5));
    home.file("broken.xml", "<feedback><report_metadata>");
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for open_folder in [0o755, 0o777, 0o700] {
        let dir = home.path().join(format!("data{open_folder:o}"));
        std::fs::create_dir(&dir).unwrap();
        set(&dir, open_folder);
        let data = dir.to_str().unwrap();
        home.run(&["--data", data, "import", "--add-domains", "a.xml", "broken.xml"])
            .success();
        let database = dir.join("tallymark.sqlite");
        assert_eq!(mode(&database), 0o600);
        // An existing database that others could read.
        set(&database, 0o644);
        let mut config = Config::default();
        config.database.dir = dir.clone();
        let app = App::open(config, Clock::system()).await.unwrap();
        for ending in ["", "-wal", "-shm"] {
            assert_eq!(mode(&dir.join(format!("tallymark.sqlite{ending}"))), 0o600, "{ending}");
        }
        app.close().await;
        // Files out of it.
        let copy = dir.join("copy.sqlite");
        let [from, to] = [&database, &copy].map(|path| format!("sqlite://{}", path.display()));
        home.run(&["admin", "copy", "--from", &from, "--to", &to]).success();
        assert_eq!(mode(&copy), 0o600);
        let saved = dir.join("saved.eml");
        std::fs::write(&saved, "there before").unwrap();
        set(&saved, 0o644);
        home.run(&[
            "--data",
            data,
            "quarantine",
            "show",
            "1",
            "--save",
            saved.to_str().unwrap(),
        ])
        .success();
        assert_eq!(mode(&saved), 0o600);
    }
}
