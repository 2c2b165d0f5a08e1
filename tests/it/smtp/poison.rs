//! Hostile mail, one in a hundred: each is kept with its reason, and its neighbours do not notice.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tallymark::base::SetAsideKind;
use tallymark::listeners::smtp::BareNewline;

use super::{Client, Server, report};
use testdata::{File, empty_digest, gzip, gzip_bomb, mail, nested_mails, nested_multiparts, padded, zip};

#[allow(dead_code, reason = "the tests of unpack use the rest")]
#[path = "../../../src/unpack/testdata.rs"]
pub mod testdata;

/// What the above is made with.
pub mod gzip {
    pub mod testing {
        use flate2::{Compress, Compression, Crc, FlushCompress};

        pub fn deflate(bytes: &[u8]) -> Vec<u8> {
            compressed(bytes, FlushCompress::Finish)
        }

        pub fn deflate_unended(bytes: &[u8]) -> Vec<u8> {
            compressed(bytes, FlushCompress::Full)
        }

        fn compressed(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
            let mut out = Vec::with_capacity(bytes.len() + 1_024);
            Compress::new(Compression::best(), false)
                .compress_vec(bytes, &mut out, flush)
                .unwrap();
            out
        }

        pub fn crc(bytes: &[u8]) -> u32 {
            let mut crc = Crc::new();
            crc.update(bytes);
            crc.sum()
        }
    }
}

const GOOD_FOR_ONE: usize = 99;
const SESSIONS: usize = 8;

/// What `fixtures/hostile/README.md` lists, with the reason for which each is kept.
fn made() -> Vec<(Vec<u8>, &'static str)> {
    let gz = |bytes: &[u8]| mail("application/gzip", "a!example.com!1!2.xml.gz", bytes);
    let zipped = |files: &[File<'_>]| mail("application/zip", "a!example.com!1!2.zip", &zip(files, b""));
    let many = |count: usize| {
        let names: Vec<_> = (0..count).map(|nth| format!("{nth}.xml")).collect();
        zipped(&names.iter().map(|name| File::stored(name, b"x")).collect::<Vec<_>>())
    };
    let mut nested = gzip(b"<feedback>");
    for _ in 0..5 {
        nested = zip(&[File::stored("a.zip", &nested)], b"");
    }
    let locked = File {
        flags: 1,
        ..File::deflated("a.xml", b"<feedback>")
    };
    let header = "From: a@b.example\r\n";
    vec![
        (nested_mails(21_814), "mime_too_complex"),
        (empty_digest(10 << 20), "mime_too_complex"),
        (nested_multiparts(9), "mime_too_complex"),
        (padded(header, b"A: b\r\n", 2 << 20), "mime_too_complex"),
        (padded(header, b" folded\r\n", 2 << 20), "mime_too_complex"),
        (padded(header, b"no colon here\r\n", 2 << 20), "mime_too_complex"),
        (gz(&gzip_bomb(1_024, b"<feedback>")), "event_too_large"),
        (gz(&gzip_bomb(1_024, b"\x1f\x8b\x08\0\0\0\0\0\0\x03")), "too_large"),
        (mail("application/zip", "a.zip", &nested), "archive_too_complex"),
        (many(17), "archive_too_complex"),
        (many(65_000), "archive_too_complex"),
        (zipped(&[locked]), "encrypted_archive"),
    ]
}

/// Every fixture that is to end in quarantine.
fn stored() -> Vec<(Vec<u8>, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let text = std::fs::read_to_string(folder.join("expect.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let columns = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    let bad = columns.filter(|columns| columns[1] == "0" && columns[5] != "-");
    bad.map(|columns| {
        let (path, bytes) = (columns[0], std::fs::read(folder.join(columns[0])).unwrap());
        let name = path.rsplit('/').next().unwrap();
        let message = match name.rsplit('.').next() {
            Some("eml") => bytes,
            _ => mail("application/octet-stream", name, &bytes),
        };
        (message, path.to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_mail_is_kept_with_its_reason_and_harms_no_other() {
    let server = Server::start(|options| options.settings.bare_newline = BareNewline::Accept).await;
    let (rua, smtp) = (server.rua(), server.smtp);
    let made = made();
    let poison: Vec<_> = made
        .iter()
        .map(|(message, _)| message.clone())
        .chain(stored().into_iter().map(|(message, _)| message))
        .collect();
    assert!(poison.len() >= 30, "{}", poison.len());
    let (poison, next) = (std::sync::Arc::new(poison), std::sync::Arc::new(AtomicUsize::new(0)));
    let count = poison.len() * (GOOD_FOR_ONE + 1);
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..SESSIONS {
        let (poison, next, rua) = (
            std::sync::Arc::clone(&poison),
            std::sync::Arc::clone(&next),
            rua.clone(),
        );
        sending.spawn(async move {
            let mut client = Client::connect(smtp).await;
            client.expect("EHLO c\r\n", "250-").await;
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= count {
                    break;
                }
                let reply = if nth % (GOOD_FOR_ONE + 1) == GOOD_FOR_ONE / 2 {
                    client.mail(&[&rua], &ended(&poison[nth / (GOOD_FOR_ONE + 1)])).await
                } else {
                    client
                        .mail(&[&rua], &report(&nth.to_string(), "example.com", nth as u64 + 1))
                        .await
                };
                assert!(reply.starts_with("250 2.0.0"), "{nth}: {reply}");
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    let is_good = |nth: &usize| nth % (GOOD_FOR_ONE + 1) != GOOD_FOR_ONE / 2;
    let messages: usize = (0..count).filter(is_good).map(|nth| nth + 1).sum();
    assert_eq!(server.totals().await.pass as usize, messages);
    let kept = server.set_aside().await;
    for (nth, bytes) in poison.iter().enumerate() {
        let bytes = ended(bytes);
        let (message, _) = kept
            .iter()
            .find(|(_, other)| *other == bytes)
            .unwrap_or_else(|| panic!("poison {nth} is gone"));
        assert_eq!(message.kind, SetAsideKind::Quarantined, "{message:?}");
        if let Some((_, reason)) = made.get(nth) {
            assert_eq!(message.reason, *reason);
        }
        assert!(
            !message.reason.is_empty() && message.reason != "internal_error",
            "{message:?}"
        );
    }
}

/// With the end of its last line, as every message has it that comes by SMTP; a lone newline before a dot would be
/// another message to a client that stuffs it.
fn ended(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    message
}
