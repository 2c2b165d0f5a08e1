//! `tallymark domains rotate-dkim`: from one key to the next.

use std::sync::Arc;

use super::{Home, stderr, stdout};
use crate::provenance::dns::Dns;

/// Runs the program, and gives what it printed, or why it refused.
async fn run(home: &Arc<Home>, arguments: &'static [&'static str]) -> Result<String, String> {
    let home = Arc::clone(home);
    let run = move || {
        let arguments: Vec<_> = ["--config", "settings.toml"].iter().chain(arguments).copied().collect();
        let done = home.run(&arguments);
        match done.get_output().status.success() {
            true => Ok(stdout(&done)),
            false => Err(stderr(&done)),
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_changed_from_the_command_line() {
    let dns = Dns::start().await;
    let home = Arc::new(Home::new());
    home.file(
        "settings.toml",
        format!("[domains]\nresolvers = [\"{}\"]\n", dns.address),
    );
    run(&home, &["domains", "add", "example.com"]).await.unwrap();
    let old = run(&home, &["domains", "dkim-key", "example.com"]).await.unwrap();
    const SHOW: &[&str] = &["domains", "rotate-dkim", "example.com"];
    const ACTIVATE: &[&str] = &["domains", "rotate-dkim", "example.com", "--activate"];
    const FORCE: &[&str] = &["domains", "rotate-dkim", "example.com", "--activate", "--force"];
    const CANCEL: &[&str] = &["domains", "rotate-dkim", "example.com", "--cancel"];

    let started = run(&home, SHOW).await.unwrap();
    let publish = "publish     tallymark2._domainkey.example.com TXT ";
    let value = started.lines().find_map(|line| line.strip_prefix(publish)).unwrap();
    assert!(started.starts_with("signs with  tallymark\n"), "{started}");
    assert_eq!(run(&home, SHOW).await.unwrap(), started, "it is begun once");
    let refused = run(&home, FORCE).await.unwrap_err();
    assert!(refused.contains("publish it first"), "{refused}");
    let cancelled = run(&home, CANCEL).await.unwrap();
    assert!(cancelled.contains("No change of its key is under way."), "{cancelled}");
    // A selector is not given twice, although the one before was never used.
    let again = run(&home, SHOW).await.unwrap();
    assert!(
        again.contains("tallymark3._domainkey.example.com TXT ") && !again.contains(value),
        "{again}"
    );
    let publish = publish.replace('2', "3");
    let value = again.lines().find_map(|line| line.strip_prefix(&*publish)).unwrap();
    dns.text("tallymark3._domainkey.example.com", value);
    run(&home, &["domains", "check", "example.com"])
        .await
        .unwrap_or_default();
    let ready = run(&home, SHOW).await.unwrap();
    assert!(ready.contains("\nsigns from  "), "{ready}");
    let refused = run(&home, ACTIVATE).await.unwrap_err();
    assert!(refused.contains("To switch now, force it."), "{refused}");
    assert_eq!(run(&home, &["domains", "dkim-key", "example.com"]).await.unwrap(), old);
    let switched = run(&home, FORCE).await.unwrap();
    assert!(switched.starts_with("signs with  tallymark3\n"), "{switched}");
    assert!(
        switched.contains("key before  tallymark, whose record must stay"),
        "{switched}"
    );
    assert_ne!(run(&home, &["domains", "dkim-key", "example.com"]).await.unwrap(), old);
    let refused = run(&home, CANCEL).await.unwrap_err();
    assert!(refused.contains("cannot be cancelled"), "{refused}");
}
