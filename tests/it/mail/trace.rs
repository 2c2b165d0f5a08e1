//! What the system saw: every 250 after the fdatasync that covers its message.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use tokio::task::JoinSet;

use super::super::smtp::{Client, report};
use super::{Installation, Program, any_port};

const MESSAGES: usize = 1_000;
const SESSIONS: usize = 4;
const MARK: &str = "traced-";

/// Runs under strace, which writes what it sees to `trace`.
fn traced(installation: &Installation, trace: &Path) -> Command {
    let mut serve = installation.serve(env!("CARGO_BIN_EXE_tallymark"), any_port());
    // Its log is not read, and a full pipe would hold it up.
    serve.env("TALLYMARK__LOG__FILTER", "error");
    let mut strace = Command::new("strace");
    // Strings are shown whole: a page of the log is 4 KiB.
    strace.args(["-f", "-y", "-s", "70000", "-e", "signal=none"]);
    strace.args(["-e", "trace=pwrite64,fdatasync,fsync,sendto,write,writev,recvfrom,read"]);
    strace
        .arg("-o")
        .arg(trace)
        .arg(serve.get_program())
        .args(serve.get_args());
    for (name, value) in serve.get_envs() {
        strace.env(name, value.unwrap());
    }
    strace
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledgement_comes_after_the_disk_has_the_message() {
    let installation = Installation::new().await;
    let trace = installation.path().join("trace");
    let strace = traced(&installation, &trace);
    let may = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let may = may.unwrap_or_else(|error| panic!("strace: {error}; ./test installs it"));
    assert!(
        may.status.success(),
        "strace may not trace here (in a container: --cap-add SYS_PTRACE): {}",
        String::from_utf8_lossy(&may.stderr)
    );
    let program = tokio::task::spawn_blocking(move || Program::start(strace))
        .await
        .unwrap();
    let mut sending = JoinSet::new();
    for session in 0..SESSIONS {
        let (smtp, rua) = (program.smtp, installation.rua.clone());
        sending.spawn(async move {
            let mut client = Client::connect_silently(smtp).await;
            assert!(client.reply().await.starts_with("220"));
            client.expect("EHLO c\r\n", "250-").await;
            for nth in 0..MESSAGES / SESSIONS {
                let nth = session * MESSAGES / SESSIONS + nth;
                let mail = report(&format!("{MARK}{nth}x"), "example.com", nth as u64 + 1);
                let reply = client.mail(&[&rua], &mail).await;
                assert!(reply.starts_with("250 2.0.0 queued"), "{reply}");
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    // strace lets what it traces go and writes to the end.
    program.stop_traced();
    let trace = std::fs::read(&trace).unwrap();
    let trace = String::from_utf8_lossy(&trace);
    assert_eq!(acknowledged_in_time(&trace), Ok(MESSAGES));
    // The negative control: had no fdatasync been seen, every 250 would be too early.
    let unsynced = trace.replace("fdatasync(", "read(").replace("fsync(", "read(");
    assert!(acknowledged_in_time(&unsynced).is_err());
}

impl Program {
    /// Stops the program that strace, our child, has started.
    pub(super) fn stop_traced(mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let traced = std::fs::read_to_string(children).unwrap();
        let killed = Command::new("kill").args(["-TERM", traced.trim()]).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
    }
}

/// How many messages were acknowledged, each after a sync that began after it was committed; else the first that was not.
fn acknowledged_in_time(trace: &str) -> Result<usize, String> {
    let mut unfinished: HashMap<&str, (&str, HashSet<&str>)> = HashMap::new();
    // By connection: what it sent last.
    let mut received: HashMap<&str, &str> = HashMap::new();
    let (mut written, mut durable, mut acknowledged) = (HashSet::new(), HashSet::new(), HashSet::new());
    // In the log, of a transaction whose last frame is not yet there.
    let (mut uncommitted, mut is_last_frame) = (Vec::new(), false);
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').ok_or(line)?;
        let call = call.trim_start();
        let (begin, end) = if let Some(resumed) = call.strip_prefix("<... ") {
            (None, Some(resumed))
        } else if call.ends_with("<unfinished ...>") {
            (Some(call), None)
        } else {
            (Some(call), Some(call))
        };
        if let Some(begin) = begin {
            let text = begin.find("250 2.0.0 queued").is_some();
            if text && (begin.starts_with("sendto") || begin.starts_with("write")) {
                let id = received.get(file(begin)).ok_or(begin)?;
                if !durable.contains(id) {
                    return Err(format!("{id} was acknowledged before it was on disk"));
                }
                acknowledged.insert(*id);
            }
            unfinished.insert(thread, (begin, written.clone()));
        }
        if let Some(end) = end {
            let Some((begin, written_before)) = unfinished.remove(thread) else {
                continue;
            };
            if begin.starts_with("pwrite64") && file(begin).ends_with("-wal") {
                // A frame's header comes before its page.
                if call_bytes(begin) == Some(FRAME_HEADER_BYTES) {
                    is_last_frame = commits(begin);
                    continue;
                }
                uncommitted.extend(marks(begin));
                if is_last_frame {
                    written.extend(uncommitted.drain(..));
                }
            } else if begin.contains("sync(") && file(begin).ends_with("-wal") && end.ends_with("= 0") {
                durable.extend(written_before);
            } else if begin.starts_with("recvfrom") || begin.starts_with("read") {
                // What a call has read is shown when it returns.
                if let Some(mark) = marks(end).last() {
                    received.insert(file(begin), mark);
                }
            }
        }
    }
    Ok(acknowledged.len())
}

const FRAME_HEADER_BYTES: usize = 24;

/// How many bytes a call writes, as in `pwrite64(9</tmp/a-wal>, "...", 24, 4152) = 24`.
fn call_bytes(call: &str) -> Option<usize> {
    let (_, arguments) = call.rsplit_once("\", ")?;
    arguments.split(',').next()?.parse().ok()
}

/// Whether the header of a frame is that of the last of its transaction: bytes 4 to 7 are then the size of the database.
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>
fn commits(header: &str) -> bool {
    let text = header.split_once('"').map_or("", |(_, text)| text);
    let mut chars = text.chars().peekable();
    let byte = || {
        let first = chars.next()?;
        if first != '\\' {
            return Some(first as u32);
        }
        // As strace escapes: up to three octal digits, or a letter, which is never zero.
        let mut value = None;
        while let Some(digit) = chars
            .peek()
            .and_then(|char| char.to_digit(8))
            .filter(|_| value.is_none_or(|(_, count)| count < 3))
        {
            chars.next();
            let (so_far, count) = value.unwrap_or((0, 0));
            value = Some((so_far * 8 + digit, count + 1));
        }
        Some(value.map_or_else(|| chars.next().map_or(0, u32::from), |(value, _)| value))
    };
    std::iter::from_fn(byte).take(8).skip(4).any(|byte| byte != 0)
}

/// The open file of a call, as in `fdatasync(9</tmp/a-wal>)`.
fn file(call: &str) -> &str {
    let open = call.find('<').map_or("", |at| &call[at + 1..]);
    open.split('>').next().unwrap_or_default()
}

/// Every mark in a text, with the number behind it.
fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).filter_map(move |(at, _)| {
        let rest = &text[at..];
        rest.find('x').map(|end| &rest[..end])
    })
}

#[test]
fn the_last_frame_of_a_transaction_is_recognised() {
    let header = |size| format!(r#"pwrite64(9</tmp/a-wal>, "\0\0\0\1{size}\237\"x", 24, 4152) = 24"#);
    assert_eq!(call_bytes(&header(r"\0\0\0\0")), Some(FRAME_HEADER_BYTES));
    for (size, last) in [
        (r"\0\0\0\0", false),
        (r"\0\0\0\7", true),
        (r"\0\0 \0", true),
        (r"\0\0\n\0", true),
    ] {
        assert_eq!(commits(&header(size)), last, "{size}");
    }
}
