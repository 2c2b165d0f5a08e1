//! Servers that mean no good, or have gone mad: they end in a pause, never in memory or a crash; and one bad mail never
//! keeps the others back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::killed::config;
use super::{Home, Tallymark, quarantined, report_mail, sum, until, until_or, verify};

/// A message of a scripted server: its UID, the size that it says, how it is given.
#[derive(Clone, Copy)]
struct Message {
    uid: u32,
    size: u64,
    body: Body,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Report(u32),
    /// This number of bytes is announced, and sent without an end.
    Announce(u64),
    /// The connection is dropped.
    Drop,
    /// The server says that all is well, and gives nothing.
    Nothing,
    /// The same; and it refuses to say how long the message is.
    Refuse,
    /// The same; and it drops the connection when it is asked how long the message is.
    DropSize,
    /// It is not given among others, and nothing is said any more when it is asked for by itself.
    Silence,
    /// A report; the connection is dropped when it is to be moved.
    Stuck(u32),
}

/// What a scripted server saw.
#[derive(Default)]
struct Seen {
    commands: Vec<String>,
    /// UID and folder, in their order.
    moved: Vec<(u32, String)>,
}

/// A server that gives these messages.
fn server(messages: Vec<Message>) -> (u16, Arc<Mutex<Seen>>) {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let shared = Arc::clone(&seen);
    let port = listen(move |stream| {
        let _ = serve(stream, &messages, &shared);
    });
    (port, seen)
}

pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            thread::spawn(move || serve(stream));
        }
    });
    port
}

#[expect(clippy::too_many_lines, reason = "an arm a command")]
fn serve(mut stream: TcpStream, messages: &[Message], seen: &Mutex<Seen>) -> std::io::Result<()> {
    write!(stream, "* OK [CAPABILITY IMAP4rev1 MOVE] hello\r\n")?;
    let lines = BufReader::new(stream.try_clone()?).lines();
    for line in lines {
        let line = line?;
        let (tag, command) = line.split_once(' ').unwrap();
        seen.lock().unwrap().commands.push(command.to_owned());
        let there = |uid: u32| !seen.lock().unwrap().moved.iter().any(|(moved, _)| *moved == uid);
        let there: Vec<_> = messages.iter().filter(|message| there(message.uid)).collect();
        let words: Vec<_> = command.split(' ').collect();
        match words[..] {
            ["CAPABILITY"] => write!(stream, "* CAPABILITY IMAP4rev1 MOVE\r\n")?,
            ["SELECT", ..] => write!(stream, "* {} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", there.len())?,
            ["UID", "FETCH", set, ..] => {
                let body = command.contains("BODY.PEEK[]");
                let single = there.iter().find(|message| message.uid.to_string() == set);
                match single.map(|message| message.body) {
                    Some(Body::Refuse) if !body => {
                        write!(stream, "{tag} NO not this one\r\n")?;
                        continue;
                    }
                    Some(Body::DropSize) if !body => return Ok(()),
                    Some(Body::Silence) if body => {
                        return std::io::copy(&mut stream, &mut std::io::sink()).map(drop);
                    }
                    _ => {}
                }
                let wanted = there.iter().filter(|message| is_in(message.uid, set));
                for (nth, Message { uid, size, body: how }) in wanted.enumerate() {
                    let nth = nth + 1;
                    if !body {
                        write!(
                            stream,
                            "* {nth} FETCH (UID {uid} RFC822.SIZE {size} INTERNALDATE \"17-Jul-2026 02:44:25 -0700\")\r\n"
                        )?;
                        continue;
                    }
                    match how {
                        Body::Report(number) | Body::Stuck(number) => {
                            let mail = report_mail(*number);
                            write!(
                                stream,
                                "* {nth} FETCH (UID {uid} BODY[] {{{}}}\r\n{mail})\r\n",
                                mail.len()
                            )?;
                        }
                        Body::Announce(bytes) => {
                            write!(stream, "* {nth} FETCH (UID {uid} BODY[] {{{bytes}}}\r\n")?;
                            for _ in 0..*bytes / 1_024 {
                                stream.write_all(&[b'x'; 1_024])?;
                            }
                        }
                        Body::Drop => return Ok(()),
                        Body::Nothing | Body::Refuse | Body::DropSize | Body::Silence => {}
                    }
                }
            }
            ["UID", "MOVE", set, folder] => {
                let moved = there.iter().filter(|message| is_in(message.uid, set));
                if moved.clone().any(|message| matches!(message.body, Body::Stuck(_))) {
                    return Ok(());
                }
                let moved: Vec<_> = moved
                    .map(|message| (message.uid, folder.trim_matches('"').to_owned()))
                    .collect();
                seen.lock().unwrap().moved.extend(moved);
            }
            _ => {}
        }
        write!(stream, "{tag} OK done\r\n")?;
    }
    Ok(())
}

fn is_in(uid: u32, set: &str) -> bool {
    set.split(',').any(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let last = if last == "*" { u32::MAX } else { last.parse().unwrap() };
        (first.parse().unwrap()..=last).contains(&uid)
    })
}

const MEBIBYTE: u64 = 1024 * 1024;

fn report(uid: u32) -> Message {
    Message {
        uid,
        size: report_mail(uid).len() as u64,
        body: Body::Report(uid),
    }
}

fn bad(uid: u32, size: u64, body: Body) -> Message {
    Message { uid, size, body }
}

/// How often a server was told to do this.
fn count(seen: &Mutex<Seen>, command: &str) -> usize {
    let seen = seen.lock().unwrap();
    seen.commands.iter().filter(|other| *other == command).count()
}

/// Runs the program on these messages until each is moved and the folder is read to its end.
fn put_away(messages: Vec<Message>) -> (Home, Tallymark, Arc<Mutex<Seen>>) {
    let count = messages.len();
    let (port, seen) = server(messages);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is put away: {}", tallymark.log()),
        || seen.lock().unwrap().moved.len() == count,
    );
    until("it is read to its end", || {
        tallymark.source("box")["condition"] == "reading"
    });
    (home, tallymark, seen)
}

#[test]
fn one_bad_mail_never_keeps_the_others_back() {
    let mut messages: Vec<_> = (1..=100).map(report).collect();
    messages[9] = bad(10, 600 * MEBIBYTE, Body::Announce(600 * MEBIBYTE));
    messages[19] = bad(20, 1_000, Body::Announce(600 * MEBIBYTE));
    messages[29] = bad(30, 1_000, Body::Drop);
    messages[39] = bad(40, 1_000, Body::Nothing);
    let (home, tallymark, seen) = put_away(messages);
    let peak = tallymark.peak_mebibytes();
    assert!(peak < 200, "{peak} MiB");
    tallymark.stop();
    let seen = seen.lock().unwrap();
    let mut failed: Vec<_> = seen
        .moved
        .iter()
        .filter(|moved| moved.1 == "Failed")
        .map(|moved| moved.0)
        .collect();
    failed.sort_unstable();
    assert_eq!(failed, [10, 20, 30, 40]);
    let last_good = seen.moved.iter().position(|moved| moved.0 == 100).unwrap();
    for uid in [20, 30, 40] {
        let bad = seen.moved.iter().position(|moved| moved.0 == uid).unwrap();
        assert!(last_good < bad, "the others come first: {:?}", seen.moved);
        let tries = seen
            .commands
            .iter()
            .filter(|command| **command == format!("UID FETCH {uid} (UID BODY.PEEK[])"));
        assert_eq!(tries.count(), 3, "UID {uid}");
    }
    let fetched = seen.commands.iter().filter(|command| command.contains("BODY.PEEK[]"));
    let sets = fetched.filter_map(|command| command.split(' ').nth(2));
    assert!(
        !sets.into_iter().any(|set| is_in(10, set)),
        "what is too large is never fetched"
    );
    let good = (1..=100).filter(|uid| ![10, 20, 30, 40].contains(uid));
    verify(&home, 96, sum(good));
    assert_eq!(
        (
            quarantined(&home, "message_too_large"),
            quarantined(&home, "unfetchable")
        ),
        (1, 3)
    );
}

#[test]
fn a_mail_whose_size_cannot_be_had_is_asked_for_three_times() {
    let messages = vec![
        report(1),
        bad(2, 1_000, Body::Refuse),
        bad(3, 1_000, Body::DropSize),
        bad(4, 1_000, Body::Nothing),
    ];
    let (home, tallymark, seen) = put_away(messages);
    tallymark.stop();
    for uid in [2, 3, 4] {
        assert_eq!(count(&seen, &format!("UID FETCH {uid} (UID RFC822.SIZE)")), 3, "{uid}");
        assert!(
            seen.lock().unwrap().moved.contains(&(uid, "Failed".to_owned())),
            "{uid}"
        );
    }
    assert_eq!(quarantined(&home, "unfetchable"), 3);
    verify(&home, 1, sum([1]));
}

#[test]
fn a_mail_that_the_program_ends_over_is_fetched_three_times() {
    let (port, seen) = server(vec![bad(1, 1_000, Body::Silence), report(2)]);
    let home = Home::new();
    config(&home, port, "");
    let tries = || count(&seen, "UID FETCH 1 (UID BODY.PEEK[])");
    for nth in 1..=3 {
        let tallymark = Tallymark::start(home.path());
        until_or(|| format!("try {nth}: {}", tallymark.log()), || tries() == nth);
        tallymark.kill();
    }
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("it is put away: {}", tallymark.log()),
        || seen.lock().unwrap().moved.contains(&(1, "Failed".to_owned())),
    );
    tallymark.stop();
    assert_eq!(tries(), 3);
    assert_eq!(quarantined(&home, "unfetchable"), 1);
    verify(&home, 1, sum([2]));
}

#[test]
fn a_mail_that_cannot_be_moved_keeps_no_other_back() {
    // More than are fetched at once, so that some are still new when the connection breaks over the first.
    let mut messages: Vec<_> = (1..=40).map(report).collect();
    messages[0].body = Body::Stuck(1);
    let (port, seen) = server(messages);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all others are moved: {}", tallymark.log()),
        || seen.lock().unwrap().moved.len() == 39,
    );
    // The feed is not called broken for ever because of one mail.
    until_or(
        || format!("the first is left alone: {}", tallymark.log()),
        || {
            let feed = tallymark.source("box");
            feed["condition"] == "reading" && feed["put_off"] == 1
        },
    );
    tallymark.stop();
    assert!(seen.lock().unwrap().moved.iter().all(|moved| moved.0 != 1));
    verify(&home, 40, sum(1..=40));
}

#[test]
fn whatever_a_server_sends_ends_in_a_pause() {
    /// Sends the same repeatedly until the peer is gone.
    fn flood(mut stream: TcpStream, begin: &str, piece: &[u8]) {
        let _ = stream.write_all(begin.as_bytes());
        while stream.write_all(piece).is_ok() {}
    }
    let home = Home::new();
    let servers = [
        (
            "a line without an end",
            listen(|stream| flood(stream, "* OK ", &[b'x'; 65_536])),
            "bad_answer",
        ),
        (
            "garbage",
            listen(|stream| flood(stream, "", b"\xff\xfe\0\r\n{}{}")),
            "bad_answer",
        ),
        (
            "another protocol",
            listen(|stream| flood(stream, "220 mx.example ESMTP\r\n", b"x\r\n")),
            "bad_answer",
        ),
        ("nothing", listen(drop), "unreachable"),
        (
            "good-bye",
            listen(|stream| flood(stream, "* BYE too many\r\n", b"x")),
            "unreachable",
        ),
        (
            "literals without an end",
            listen(|stream| flood(stream, "* OK x {1}\r\nx", b"{1}\r\nx")),
            "bad_answer",
        ),
    ];
    home.file("password", "x");
    let settings = servers.iter().map(|(name, port, _)| {
        format!(
            "[[imap]]\nname = \"{name}\"\nhost = \"localhost\"\nport = {port}\ntls = \"plain\"\nuser = \"u\"\n\
             password_file = \"password\"\n"
        )
    });
    home.file("t.toml", settings.collect::<String>());
    let mut tallymark = Tallymark::start(home.path());
    for (name, _, reason) in &servers {
        let failures = format!("tallymark_feed_failures_total{{feed=\"{name}\",reason=\"{reason}\"}}");
        until_or(
            || format!("{name}: {}", tallymark.log()),
            || tallymark.metric(&failures) >= 2,
        );
    }
    let peak = tallymark.peak_mebibytes();
    assert!(tallymark.is_running());
    assert!(peak < 200, "{peak} MiB");
    tallymark.stop();
}
