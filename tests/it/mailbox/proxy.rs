//! Stands between the program and a server, writes down what the program asks, and freezes the conversation, answers instead of
//! the server or does something else where it is told to.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Instant;

/// Where a conversation stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// A command with this in it is not handed on.
    Before(&'static str),
    /// It is handed on, and only this number of bytes of the answer comes back.
    Inside(&'static str, usize),
}

/// What happens, once, before a line is handed on.
enum Interruption {
    /// This is the answer, and the line is not handed on.
    Answer(String),
    /// The line is handed on afterwards.
    Run(Box<dyn FnOnce() + Send>),
}

#[derive(Default)]
struct State {
    point: Option<Point>,
    interruptions: Vec<(&'static str, Interruption)>,
    commands: Vec<(String, Instant)>,
    frozen: Option<mpsc::Sender<()>>,
    open: Vec<TcpStream>,
}

pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Between a client and the server at `port`.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&shared));
                // The server may be down: then so is the connection.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                shared
                    .lock()
                    .unwrap()
                    .open
                    .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                thread::spawn(move || serve(&client, &server, &shared));
            }
        });
        Self { port: own, state }
    }

    /// Freezes the next conversation that comes to this point; what is given hears of it.
    pub fn freeze(&self, point: Point) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        let mut state = self.state.lock().unwrap();
        state.point = Some(point);
        state.frozen = Some(sender);
        receiver
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        let open = std::mem::take(&mut self.state.lock().unwrap().open);
        for stream in open {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Answers like this, once, to a line with this in it. Of several interruptions the first that fits comes first.
    pub fn answer(&self, part: &'static str, answer: String) {
        self.interrupt(part, Interruption::Answer(answer));
    }

    /// Does this, once, before a line with this in it is handed on.
    pub fn before(&self, part: &'static str, run: impl FnOnce() + Send + 'static) {
        self.interrupt(part, Interruption::Run(Box::new(run)));
    }

    fn interrupt(&self, part: &'static str, what: Interruption) {
        self.state.lock().unwrap().interruptions.push((part, what));
    }

    /// How many interruptions have not come yet.
    pub fn interruptions_left(&self) -> usize {
        self.state.lock().unwrap().interruptions.len()
    }

    /// What was asked so far, without tags; and forgets it.
    pub fn commands(&self) -> Vec<String> {
        let commands = std::mem::take(&mut self.state.lock().unwrap().commands);
        commands
            .into_iter()
            .map(|(line, _)| line.split_once(' ').map_or("", |(_, command)| command).to_owned())
            .collect()
    }

    /// The lines so far with this in them, and when each came.
    pub fn lines(&self, part: &str) -> Vec<(String, Instant)> {
        let state = self.state.lock().unwrap();
        let lines = state.commands.iter().filter(|(line, _)| line.contains(part));
        lines.cloned().collect()
    }
}

fn serve(client: &TcpStream, server: &TcpStream, state: &Arc<Mutex<State>>) {
    // How many bytes of answers may still pass; None: all.
    let left: Arc<Mutex<Option<usize>>> = Arc::default();
    let answers = {
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let (left, state) = (Arc::clone(&left), Arc::clone(state));
        thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                let mut left = left.lock().unwrap();
                let passed = left.map_or(read, |left| left.min(read));
                if to.write_all(&bytes[..passed]).is_err() {
                    break;
                }
                if let Some(left) = &mut *left {
                    *left -= passed;
                    if *left == 0 {
                        tell(&state);
                    }
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        })
    };
    let mut to = server.try_clone().unwrap();
    let mut lines = BufReader::new(client);
    let mut line = Vec::new();
    let mut body_length = 0;
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (point, interruption) = note(state, &command);
        match interruption {
            Some(Interruption::Answer(answer)) => {
                let mut client = client;
                let _ = client.write_all(answer.as_bytes());
                let _ = client.shutdown(Shutdown::Write);
                // What is not read would reset the connection, and the answer with it.
                let _ = std::io::copy(&mut lines, &mut std::io::sink());
                break;
            }
            Some(Interruption::Run(run)) => run(),
            None => {}
        }
        match point {
            Some(Point::Before(part)) if command.contains(part) => {
                tell(state);
                // Nothing of it is handed on; the program waits.
                break;
            }
            Some(Point::Inside(part, bytes)) if command.contains(part) => {
                *left.lock().unwrap() = Some(bytes);
            }
            _ => {}
        }
        if add_body(&command, &mut body_length, &mut lines, &mut line).is_err() {
            break;
        }
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    answers.join().unwrap();
}

/// Adds the body of a request over HTTP, which does not end with a line, to the end of its head.
fn add_body(head: &str, length: &mut usize, from: &mut impl Read, line: &mut Vec<u8>) -> std::io::Result<()> {
    if let Some(given) = head.to_ascii_lowercase().strip_prefix("content-length:") {
        *length = given.trim().parse().unwrap();
    }
    if head.is_empty() {
        let mut body = vec![0; std::mem::take(length)];
        from.read_exact(&mut body)?;
        line.extend(body);
    }
    Ok(())
}

/// Writes down a line, and tells what is to happen at it.
#[expect(clippy::disallowed_methods, reason = "how far apart two requests are")]
fn note(state: &Mutex<State>, line: &str) -> (Option<Point>, Option<Interruption>) {
    let mut state = state.lock().unwrap();
    state.commands.push((line.to_owned(), Instant::now()));
    let at = state.interruptions.iter().position(|(part, _)| line.contains(part));
    let interruption = at.map(|at| state.interruptions.remove(at).1);
    (state.point.clone(), interruption)
}

/// The point is reached: once.
fn tell(state: &Mutex<State>) {
    let mut state = state.lock().unwrap();
    state.point = None;
    if let Some(frozen) = state.frozen.take() {
        let _ = frozen.send(());
    }
}
