//! Servers with one oddity each: what they leave unsaid or say in another way keeps no mail from being read, and mail that
//! comes back is noticed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::hostile::listen;
use super::killed::config;
use super::{Home, Tallymark, quarantined, report_mail, sum, until_or, verify};

/// What a server does in its own way.
#[derive(Clone, Copy, Default)]
struct Odd {
    /// What it says of a message in a list, the UID and the true size given.
    listed: Option<fn(u32, usize) -> Vec<String>>,
    /// What it says of itself.
    abilities: &'static str,
    /// It opens no folder before ID was said.
    wants_id: bool,
    /// Folders are named behind this.
    prefix: &'static str,
    /// Folders that are the inbox under another name.
    aliases: &'static [&'static str],
    /// Bodies that it gives empty at first.
    empty_bodies: usize,
}

#[derive(Default)]
struct State {
    mails: BTreeMap<u32, String>,
    next: u32,
    has_id: bool,
    /// UIDs of bodies that were fetched.
    bodies: Vec<u32>,
    commands: Vec<String>,
    folders: BTreeMap<String, usize>,
}

fn server(odd: Odd, mails: u32) -> (u16, Arc<Mutex<State>>) {
    let state = State {
        mails: (1..=mails).map(|nth| (nth, report_mail(nth))).collect(),
        next: mails + 1,
        ..State::default()
    };
    let state = Arc::new(Mutex::new(state));
    let shared = Arc::clone(&state);
    let port = listen(move |stream| {
        let _ = serve(stream, odd, &shared);
    });
    (port, state)
}

fn serve(mut stream: TcpStream, odd: Odd, state: &Mutex<State>) -> std::io::Result<()> {
    let abilities = format!("IMAP4rev1 MOVE UIDPLUS {}", odd.abilities);
    write!(stream, "* OK hello\r\n")?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        let (tag, command) = line.split_once(' ').unwrap();
        let mut state = state.lock().unwrap();
        state.commands.push(command.to_owned());
        let words: Vec<_> = command.split(' ').collect();
        let folder = |name: &str| name.trim_matches('"').to_owned();
        let is_named = |name: &str| name.eq_ignore_ascii_case("INBOX") || name.starts_with(odd.prefix);
        let mut done = "OK done";
        match words[..] {
            ["CAPABILITY"] => write!(stream, "* CAPABILITY {abilities}\r\n")?,
            ["ID", ..] => {
                state.has_id = true;
                write!(stream, "* ID NIL\r\n")?;
            }
            ["NAMESPACE"] => write!(stream, "* NAMESPACE ((\"{}\" \".\")) NIL NIL\r\n", odd.prefix)?,
            ["SELECT", ..] if odd.wants_id && !state.has_id => done = "NO SELECT Unsafe Login. Please contact kefu",
            ["SELECT", name] if !is_named(&folder(name)) => done = "NO [NONEXISTENT] no such folder",
            ["SELECT", ..] => write!(stream, "* {} EXISTS\r\n* OK [uidvalidity 7] x\r\n", state.mails.len())?,
            ["UID", "FETCH", set, ..] => fetch(&mut stream, odd, &mut state, set, command.contains("BODY.PEEK[]"))?,
            ["UID", "MOVE", _, name] if !is_named(&folder(name)) => done = "NO [CANNOT] no such namespace",
            ["CREATE", name] if !is_named(&folder(name)) => done = "NO [CANNOT] no such namespace",
            ["UID", "MOVE", set, name] => {
                let uids: Vec<u32> = state.mails.keys().copied().filter(|uid| is_in(*uid, set)).collect();
                for uid in uids {
                    let mail = state.mails.remove(&uid).unwrap();
                    if odd.aliases.contains(&&*folder(name)) {
                        let next = state.next;
                        state.mails.insert(next, mail);
                        state.next += 1;
                    }
                    *state.folders.entry(folder(name)).or_default() += 1;
                }
            }
            _ => {}
        }
        write!(stream, "{tag} {done}\r\n")?;
    }
    Ok(())
}

fn fetch(stream: &mut TcpStream, odd: Odd, state: &mut State, set: &str, body: bool) -> std::io::Result<()> {
    let mails: Vec<_> = state.mails.clone().into_iter().enumerate().collect();
    for (nth, (uid, mail)) in mails.into_iter().filter(|(_, (uid, _))| is_in(*uid, set)) {
        let nth = nth + 1;
        if body && state.bodies.len() < odd.empty_bodies {
            state.bodies.push(uid);
            write!(stream, "* {nth} FETCH (UID {uid} BODY[] NIL)\r\n")?;
        } else if body {
            state.bodies.push(uid);
            write!(
                stream,
                "* {nth} FETCH (UID {uid} BODY[] {{{}}}\r\n{mail})\r\n",
                mail.len()
            )?;
        } else {
            let usual = |uid, size| {
                vec![format!(
                    "UID {uid} RFC822.SIZE {size} INTERNALDATE \"17-Jul-2026 02:44:25 -0700\""
                )]
            };
            for items in odd.listed.unwrap_or(usual)(uid, mail.len()) {
                write!(stream, "* {nth} FETCH ({items})\r\n")?;
            }
        }
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

/// Runs the program on a server until it holds no mail any more; gives what the server saw.
fn read_all(odd: Odd, mails: u32) -> (Home, Arc<Mutex<State>>) {
    let (port, state) = server(odd, mails);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is moved: {:?} {}", state.lock().unwrap().commands, tallymark.log()),
        || state.lock().unwrap().mails.is_empty(),
    );
    tallymark.stop();
    (home, state)
}

#[test]
fn a_mail_without_announced_size_is_read() {
    let lists: [(&str, fn(u32, usize) -> Vec<String>); 9] = [
        ("none at all", |uid, _| vec![format!("UID {uid}")]),
        ("none of one", |uid, size| {
            vec![if uid == 2 {
                format!("UID {uid}")
            } else {
                format!("UID {uid} RFC822.SIZE {size}")
            }]
        }),
        ("NIL", |uid, _| {
            vec![format!("UID {uid} RFC822.SIZE NIL INTERNALDATE NIL")]
        }),
        ("negative", |uid, size| vec![format!("UID {uid} RFC822.SIZE -{size}")]),
        ("quoted", |uid, size| vec![format!("UID {uid} RFC822.SIZE \"{size}\"")]),
        ("a literal", |uid, size| {
            let size = size.to_string();
            vec![format!("UID {uid} RFC822.SIZE {{{}}}\r\n{size}", size.len())]
        }),
        ("more than there can be", |uid, _| {
            vec![format!("UID {uid} RFC822.SIZE 99999999999999999999999")]
        }),
        ("in several answers", |uid, size| {
            vec![
                format!("RFC822.SIZE {size}"),
                format!("UID {uid}"),
                "FLAGS (\\Seen)".to_owned(),
            ]
        }),
        ("twice", |uid, size| {
            vec![format!("UID {uid}"), format!("UID {uid} RFC822.SIZE {size}")]
        }),
    ];
    for (name, listed) in lists {
        let odd = Odd {
            listed: Some(listed),
            ..Odd::default()
        };
        let (home, state) = read_all(odd, 3);
        verify(&home, 3, sum(1..=3));
        assert_eq!(state.lock().unwrap().bodies, [1, 2, 3], "{name}: each is fetched once");
    }
}

#[test]
fn a_list_that_names_no_mail_is_a_fault() {
    let listed: fn(u32, usize) -> Vec<String> = |_, size| vec![format!("RFC822.SIZE {size}")];
    let (port, state) = server(
        Odd {
            listed: Some(listed),
            ..Odd::default()
        },
        3,
    );
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("box", "bad_answer");
    assert!(
        tallymark.log().contains("3 messages without a UID"),
        "{}",
        tallymark.log()
    );
    tallymark.stop();
    assert!(state.lock().unwrap().bodies.is_empty());
}

/// An empty body for a mail with a size is not a mail: it is fetched again.
#[test]
fn a_body_that_is_nil_is_fetched_again() {
    let (home, state) = read_all(
        Odd {
            empty_bodies: 3,
            ..Odd::default()
        },
        3,
    );
    verify(&home, 3, sum(1..=3));
    assert_eq!(state.lock().unwrap().bodies.len(), 6);
    assert_eq!(quarantined(&home, "unfetchable"), 0);
}

#[test]
fn a_server_that_asks_for_id_gets_it() {
    for abilities in ["ID", "id IDLE"] {
        let (home, state) = read_all(
            Odd {
                abilities,
                wants_id: true,
                ..Odd::default()
            },
            2,
        );
        verify(&home, 2, sum(1..=2));
        let state = state.lock().unwrap();
        let id = state
            .commands
            .iter()
            .find(|command| command.starts_with("ID "))
            .unwrap();
        assert!(id.contains("\"name\" \"Tallymark\""), "{id}");
    }
    // One that does not say that it knows ID is not asked for it.
    let (_home, state) = read_all(Odd::default(), 1);
    let state = state.lock().unwrap();
    assert!(
        !state
            .commands
            .iter()
            .any(|command| command.starts_with("ID") || command == "NAMESPACE")
    );
}

#[test]
fn names_of_folders_get_the_prefix_of_the_server() {
    for prefix in ["INBOX.", "Folders."] {
        let (home, state) = read_all(
            Odd {
                abilities: "NAMESPACE",
                prefix,
                ..Odd::default()
            },
            2,
        );
        verify(&home, 2, sum(1..=2));
        let folders = &state.lock().unwrap().folders;
        assert_eq!(
            folders.iter().collect::<Vec<_>>(),
            [(&format!("{prefix}Processed"), &2)]
        );
    }
}

/// A second name of the folder shows only by what comes back. Each mail is read twice then, and not a third time.
#[test]
fn mail_that_comes_back_under_a_second_name_stays() {
    for mails in [1, 3, 40] {
        let (port, state) = server(
            Odd {
                aliases: &["Processed"],
                ..Odd::default()
            },
            mails,
        );
        let home = Home::new();
        config(&home, port, "");
        let tallymark = Tallymark::start(home.path());
        until_or(
            || format!("it is noticed: {}", tallymark.log()),
            || {
                tallymark
                    .log()
                    .contains("comes back: it is the folder that is read, under another name")
            },
        );
        let rounds = || {
            state
                .lock()
                .unwrap()
                .commands
                .iter()
                .filter(|command| command.starts_with("NOOP"))
                .count()
        };
        let before = rounds();
        until_or(
            || format!("more rounds: {}", tallymark.log()),
            || rounds() >= before + 3,
        );
        tallymark.stop();
        let state = state.lock().unwrap();
        assert_eq!(state.mails.len() as u32, mails);
        assert!(
            state.bodies.len() as u32 <= 2 * mails,
            "{mails}: {:?}",
            state.bodies.len()
        );
        let moves = state
            .commands
            .iter()
            .filter(|command| command.starts_with("UID MOVE"))
            .count();
        assert_eq!(moves, 1, "{mails}");
        verify(&home, mails.into(), sum(1..=mails));
    }
}

/// The control: mail of the same content that is sent again is another mail, and moved as well.
#[test]
fn mail_that_is_sent_twice_is_moved_twice() {
    let (port, state) = server(Odd::default(), 5);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    let is_empty = || state.lock().unwrap().mails.is_empty();
    until_or(|| tallymark.log(), is_empty);
    {
        let mut state = state.lock().unwrap();
        for nth in [1, 2] {
            let next = state.next;
            state.mails.insert(next, report_mail(nth));
            state.next += 1;
        }
    }
    until_or(|| tallymark.log(), is_empty);
    assert!(!tallymark.log().contains("comes back"), "{}", tallymark.log());
    tallymark.stop();
    verify(&home, 5, sum(1..=5));
}
