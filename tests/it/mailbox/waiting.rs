//! Waiting for news: servers that offer IDLE and refuse it, or end the conversation over it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::hostile::listen;
use super::killed::config;
use super::{Home, Tallymark, until_or};

/// What a server answers to IDLE.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Idle {
    Refuse,
    Drop,
}

/// A server with an empty folder; and what it was told to do, without tags.
fn server(idle: Idle) -> (u16, Arc<Mutex<Vec<String>>>) {
    let commands: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&commands);
    let port = listen(move |stream| {
        let _ = serve(stream, idle, &shared);
    });
    (port, commands)
}

fn serve(mut stream: TcpStream, idle: Idle, commands: &Mutex<Vec<String>>) -> std::io::Result<()> {
    write!(stream, "* OK hello\r\n")?;
    let lines = BufReader::new(stream.try_clone()?).lines();
    for line in lines {
        let line = line?;
        let (tag, command) = line.split_once(' ').unwrap();
        commands.lock().unwrap().push(command.to_owned());
        match command.split(' ').next().unwrap() {
            "CAPABILITY" => write!(stream, "* CAPABILITY IMAP4rev1 IDLE MOVE\r\n")?,
            "SELECT" => write!(stream, "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n")?,
            "IDLE" if idle == Idle::Drop => return Ok(()),
            "IDLE" => {
                write!(stream, "{tag} NO not today\r\n")?;
                continue;
            }
            _ => {}
        }
        write!(stream, "{tag} OK done\r\n")?;
    }
    Ok(())
}

#[test]
fn a_server_that_refuses_idle_is_read_all_the_same() {
    let (port, commands) = server(Idle::Refuse);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    let count = |verb: &str| {
        let commands = commands.lock().unwrap();
        commands.iter().filter(|command| command.starts_with(verb)).count()
    };
    until_or(
        || format!("it is asked for news: {}", tallymark.log()),
        || count("NOOP") >= 3,
    );
    assert_eq!(tallymark.source("box")["condition"], "reading");
    tallymark.stop();
    assert_eq!((count("LOGIN"), count("IDLE")), (1, 1));
}

#[test]
fn a_connection_that_breaks_while_it_waits_makes_pauses_grow() {
    let (port, _) = server(Idle::Drop);
    let home = Home::new();
    config(&home, port, "");
    let tallymark = Tallymark::start(home.path());
    // Of a line that is just being written there may be no digit yet.
    let pauses = || -> Vec<u64> {
        let log = tallymark.log();
        let found = log.split("again_in_ms=").skip(1);
        let digits = found.filter_map(|rest| rest.split(|char: char| !char.is_ascii_digit()).next());
        digits.filter_map(|digits| digits.parse().ok()).collect()
    };
    // The first one is 1.25 s at most.
    until_or(
        || format!("a longer pause: {}", tallymark.log()),
        || pauses().into_iter().any(|pause| pause > 2_500),
    );
    tallymark.stop();
}
