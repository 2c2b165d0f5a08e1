//! `tallymark doctor`: each line has what to do next, and a machine that can receive reports has no failure.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Home, report, stdout};
use crate::provenance::dns::{Dns, Has};

/// What the doctor says with these settings, and its exit code.
fn look(home: &Home, more: &[&str]) -> (Value, i32) {
    let arguments = [&["--config", "t.toml", "doctor", "--json"], more].concat();
    let done = home.run(&arguments);
    let code = done.get_output().status.code().unwrap();
    (serde_json::from_str(&stdout(&done)).unwrap(), code)
}

/// The lines about this, as state and sentence.
fn about<'v>(found: &'v Value, what: &str) -> Vec<(&'v str, &'v str)> {
    let checks = found["checks"].as_array().unwrap().iter();
    let checks = checks.filter(|check| check["check"] == what);
    checks
        .map(|check| (check["state"].as_str().unwrap(), check["says"].as_str().unwrap()))
        .collect()
}

fn settings(dns: &Dns, port: u16) -> String {
    format!(
        "[http]\nlisten = \"127.0.0.1:{port}\"\n[installation]\nrua_host = \"rua.tally.test\"\n[domains]\nresolvers = [\"{}\"]\n",
        dns.address
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_with_what_to_do() {
    let dns = Dns::start().await;
    tokio::task::spawn_blocking(move || {
        let home = Home::new();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        home.file("t.toml", settings(&dns, taken.local_addr().unwrap().port()));
        let (found, code) = look(&home, &[]);
        assert_eq!((code, &found["state"]), (1, &"fail".into()));
        assert_eq!(about(&found, "version")[0].0, "ok");
        assert_eq!(about(&found, "clock")[0].0, "ok");
        assert_eq!(about(&found, "folder")[0].0, "warn", "it is not there yet");
        assert_eq!(about(&found, "database")[0].0, "warn");
        let (state, says) = about(&found, "port")[0];
        assert_eq!(state, "fail");
        assert!(says.contains("is taken by another program"), "{says}");
        assert_eq!(
            about(&found, "MX"),
            [("fail", "rua.tally.test has neither an MX record nor an address")]
        );
        assert_eq!(about(&found, "permission")[0].0, "warn");
        assert_eq!(about(&found, "intake")[0].0, "warn");
        for check in found["checks"].as_array().unwrap() {
            assert_eq!(check["next"].is_null(), check["state"] == "ok", "{check}");
        }
        assert!(!home.path().join("tallymark-data").exists(), "looking makes nothing");
        // For people, the same.
        let said = stdout(&home.run(&["--config", "t.toml", "doctor"]).code(1));
        assert!(
            said.contains("fail  MX") && said.contains("> Publish: rua.tally.test. MX 10"),
            "{said}"
        );
        // An empty MX record says that no mail is taken; a host without an address takes none.
        for (host, says) in [
            ("", "rua.tally.test says that it takes no mail (RFC 7505)"),
            (
                "mx.tally.test",
                "mail to rua.tally.test goes to mx.tally.test, which has no address",
            ),
        ] {
            dns.clear("rua.tally.test");
            dns.add("rua.tally.test", Has::Mx(host.to_owned()));
            let (found, _) = look(&home, &[]);
            assert_eq!(about(&found, "MX"), [("fail", says)]);
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_in_order_has_no_failure() {
    let dns = Dns::start().await;
    dns.add("rua.tally.test", Has::Mx("mx.tally.test".to_owned()));
    dns.add("mx.tally.test", Has::Address(Ipv4Addr::LOCALHOST));
    dns.text("example.com._report._dmarc.rua.tally.test", "v=DMARC1");
    tokio::task::spawn_blocking(move || {
        let home = Home::new();
        home.file("t.toml", settings(&dns, 0));
        home.file("1.xml", report("r1", 3));
        home.run(&["import", "--add-domains", "1.xml"]).success();
        let (found, code) = look(&home, &[]);
        assert_eq!(code, 0, "{found:#}");
        assert_eq!(
            about(&found, "MX"),
            [("ok", "mail to rua.tally.test goes to mx.tally.test (this machine)")]
        );
        for what in [
            "settings",
            "folder",
            "database",
            "domains",
            "reports",
            "port",
            "name servers",
            "permission",
        ] {
            assert!(!about(&found, what).is_empty(), "{what}");
            assert!(
                about(&found, what).iter().all(|(state, _)| *state == "ok"),
                "{what}: {found:#}"
            );
        }
        assert_eq!(about(&found, "keys")[0].0, "warn", "nobody can sign in yet");
        home.run(&["keys", "create"]).success();
        assert_eq!(about(&look(&home, &[]).0, "keys"), [("ok", "1 key in use")]);
        // A folder that others can read is named with the command that mends it.
        let data = home.path().join("tallymark-data");
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (found, code) = look(&home, &[]);
        assert_eq!((about(&found, "folder")[0].0, code), ("warn", 0));
    })
    .await
    .unwrap();
}

#[test]
fn settings_that_cannot_be_read_are_the_only_finding() {
    let home = Home::new();
    home.file("t.toml", "[http]\nlisten = 7\n");
    let (found, code) = look(&home, &[]);
    assert_eq!((code, found["checks"].as_array().unwrap().len()), (1, 2));
    let (state, says) = about(&found, "settings")[0];
    assert!(state == "fail" && says.contains("listen"), "{says}");
}
