//! Stands between the program and a server, writes down what the program asks, and freezes the conversation where it is
//! told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// Where a conversation stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// A command with this in it is not handed on.
    Before(&'static str),
    /// It is handed on, and only this number of bytes of the answer comes back.
    Inside(&'static str, usize),
}

#[derive(Default)]
struct State {
    point: Option<Point>,
    commands: Vec<String>,
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

    /// What was asked so far, without tags; and forgets it.
    pub fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().commands)
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
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).into_owned();
        let command = text
            .split_once(' ')
            .map_or("", |(_, command)| command.trim_end())
            .to_owned();
        let point = {
            let mut state = state.lock().unwrap();
            state.commands.push(command.clone());
            state.point.clone()
        };
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
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    answers.join().unwrap();
}

/// The point is reached: once.
fn tell(state: &Mutex<State>) {
    let mut state = state.lock().unwrap();
    state.point = None;
    if let Some(frozen) = state.frozen.take() {
        let _ = frozen.send(());
    }
}
