//! An S3 server from PyPI (moto), which checks signatures, permissions and session tokens, and pages of seven objects.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::Home;
use crate::client::{python, script};

pub const BUCKET: &str = "mail";
pub const REGION: &str = "eu-central-1";

/// Killed when its last clone is dropped.
#[derive(Clone)]
pub struct S3 {
    pub port: u16,
    /// The user's key, and its secret.
    pub keys: [String; 2],
    server: Arc<Mutex<Server>>,
}

struct Server {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl S3 {
    /// With an empty bucket.
    pub fn start() -> Self {
        let mut child = python("python")
            .arg(script("s3_server.py"))
            .arg(BUCKET)
            .env("MOTO_S3_DEFAULT_MAX_KEYS", "7")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = answers.find_map(|line| line.ok().filter(|line| line.starts_with('[')));
        let line = line.expect("moto says where it listens");
        let (port, key, secret) = serde_json::from_str(&line).unwrap();
        let server = Server {
            child,
            commands,
            answers,
        };
        Self {
            port,
            keys: [key, secret],
            server: Arc::new(Mutex::new(server)),
        }
    }

    fn ask(&self, command: &Value) -> Value {
        let mut server = self.server.lock().unwrap();
        writeln!(server.commands, "{command}").unwrap();
        let answer = server.answers.next().unwrap().unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    pub fn put(&self, key: &str, content: &str) {
        let content = BASE64_STANDARD.encode(content);
        self.ask(&json!({ "do": "put", "bucket": BUCKET, "key": key, "content": content }));
    }

    pub fn remove(&self, key: &str) {
        self.ask(&json!({ "do": "remove", "bucket": BUCKET, "key": key }));
    }

    /// The objects below a prefix, without it.
    pub fn objects(&self, prefix: &str) -> BTreeMap<String, String> {
        let all = self.ask(&json!({ "do": "list", "bucket": BUCKET }));
        let below = all.as_object().unwrap().iter().filter_map(|(key, content)| {
            let content = BASE64_STANDARD.decode(content.as_str().unwrap()).unwrap();
            Some((
                key.strip_prefix(prefix)?.to_owned(),
                String::from_utf8(content).unwrap(),
            ))
        });
        below.collect()
    }

    /// The contents below a prefix, sorted.
    pub fn contents(&self, prefix: &str) -> Vec<String> {
        let mut contents: Vec<_> = self.objects(prefix).into_values().collect();
        contents.sort();
        contents
    }

    pub fn tag(&self, key: &str, tags: &Value) {
        self.ask(&json!({ "do": "tag", "bucket": BUCKET, "key": key, "tags": tags }));
    }

    pub fn tags(&self, key: &str) -> Value {
        self.ask(&json!({ "do": "tags", "bucket": BUCKET, "key": key }))
    }

    /// The user may do this from now on, and nothing else.
    pub fn allow(&self, actions: &[&str]) {
        self.ask(&json!({ "do": "allow", "actions": actions }));
    }

    /// Keys that run out: the key, its secret and the token.
    pub fn session(&self) -> [String; 3] {
        let keys = self.ask(&json!({ "do": "assume" }));
        serde_json::from_value(keys).unwrap()
    }

    /// All keys that run out do so now.
    pub fn expire(&self) {
        self.ask(&json!({ "do": "expire" }));
    }
}

/// The user's keys.
pub fn credentials(home: &Home, keys: &[String]) {
    let names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    let lines = names.iter().zip(keys).map(|(name, key)| format!("{name} = {key}\n"));
    home.file("keys", format!("[default]\n{}", lines.collect::<String>()));
}

/// Settings that read what begins with `in/`, from a server at this port.
pub fn config(home: &Home, port: u16, more: &str) {
    home.file(
        "t.toml",
        format!(
            "[[s3]]\nname = \"bucket\"\nendpoint = \"http://127.0.0.1:{port}\"\nregion = \"{REGION}\"\nbucket = \"{BUCKET}\"\n\
             prefix = \"in/\"\ncredentials_file = \"keys\"\nadd_domains = true\npoll_seconds = 1\n{more}"
        ),
    );
}

pub const MOVES: &str = "processed_prefix = \"processed/\"\nfailed_prefix = \"failed/\"\n";
