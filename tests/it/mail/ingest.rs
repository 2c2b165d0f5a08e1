//! `tallymark ingest --stdin`, as a mail server calls it.

use super::super::cli::Home;
use super::super::smtp::report;
use super::Installation;

fn ingest(installation: &Installation, arguments: &[&str], message: &[u8]) -> (Option<i32>, String) {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.args(["ingest"]).args(arguments).write_stdin(message);
    command.env("TALLYMARK__DATABASE__DIR", installation.path());
    command.env("TALLYMARK__PROVENANCE__CHECK", "false");
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test]
async fn a_piped_message_is_committed_before_the_command_ends() {
    let installation = Installation::new().await;
    let facts = ["--peer", "192.0.2.7", "--helo", "mx.example", "--sender", "a@b.example"];
    for (nth, more) in [
        &[][..],
        &["--recipient", &installation.rua],
        &[&["--recipient", &installation.rua][..], &facts].concat(),
        &["--recipient", &installation.rua, "--peer", "", "--helo="],
    ]
    .into_iter()
    .enumerate()
    {
        let message = report(&format!("piped-{nth}"), "example.com", 7 + nth as u64);
        let arguments = [&["--stdin"][..], more].concat();
        for _ in 0..2 {
            let (code, said) = ingest(&installation, &arguments, &message);
            assert_eq!((code, &*said), (Some(0), ""), "{more:?}");
        }
        let counted = installation.counted().await;
        assert_eq!(
            (counted.len(), counted[&format!("piped-{nth}")]),
            (nth + 1, 7 + nth as u64)
        );
    }
    let store = installation.store().await;
    let (reports, _) = store
        .reports(
            installation.domain,
            &Default::default(),
            super::super::store::FIRST_PAGE,
        )
        .await
        .unwrap();
    let last = reports.iter().find(|report| report.report_id == "piped-2").unwrap();
    let detail = store.report(installation.domain, last.no).await.unwrap().unwrap();
    let mail = detail.provenance.unwrap();
    assert_eq!(
        (&*mail.peer.unwrap().to_string(), &*mail.helo, &*mail.mail_from),
        ("192.0.2.7", "mx.example", "a@b.example")
    );
    store.close().await;
}

#[tokio::test]
async fn every_fault_is_75_so_that_the_mail_server_keeps_the_message() {
    let installation = Installation::new().await;
    let message = report("kept", "example.com", 7);
    for (arguments, complaint) in [
        (&[][..], "--stdin"),
        (&["--stdin", "--nonsense"], "--nonsense"),
        (&["--stdin", "--peer", "nowhere"], "nowhere"),
        (
            &["--stdin", "--recipient", "a@elsewhere.example"],
            "is not an address of this installation",
        ),
        (&["--stdin", "--account", "nobody"], "no account named nobody"),
        (
            &["--stdin", "--config", "/nowhere/tallymark.toml"],
            "/nowhere/tallymark.toml",
        ),
    ] {
        let (code, said) = ingest(&installation, arguments, &message);
        assert_eq!(code, Some(75), "{arguments:?} {said}");
        assert!(said.contains(complaint), "{arguments:?} {said}");
    }
    let trigger = "create trigger refuse before insert on reports begin select raise(abort, 'refused by a test'); end;
        create trigger refuse_all before insert on set_aside begin select raise(abort, 'refused by a test'); end";
    crate::sqlite(&installation.path().join("tallymark.sqlite"), trigger).await;
    assert_eq!(ingest(&installation, &["--stdin"], &message).0, Some(75));
    std::fs::write(installation.path().join("tallymark.sqlite"), "no database").unwrap();
    assert_eq!(ingest(&installation, &["--stdin"], &message).0, Some(75));
    // Other commands keep their codes.
    Home::new().run(&["import"]).code(2);
}
