//! Debian's BIND on the loopback, with a zone that the test edits: the root, so that every name there is is in it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

use tallymark::dns::{Dns, DnsOptions, Freshness};

/// A running server. It ends with this.
pub struct Named {
    child: Child,
    folder: tempfile::TempDir,
    pub address: SocketAddr,
    records: Vec<(String, String)>,
    serial: u32,
}

impl Named {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = folder.path().display();
        let config = format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
                pid-file none; session-keyfile none; recursion no; dnssec-validation no; allow-query {{ any; }};
                allow-transfer {{ none; }}; notify no; max-udp-size 1232; check-integrity no;
                check-names primary ignore; }};
            controls {{ }};
            zone \".\" {{ type primary; file \"root.zone\"; }};
            zone \"broken.example\" {{ type primary; file \"missing.zone\"; }};\n"
        );
        std::fs::write(folder.path().join("named.conf"), config).unwrap();
        std::fs::write(folder.path().join("root.zone"), zone(1, &[])).unwrap();
        let mut child = Command::new("named")
            .args(["-g", "-4", "-n", "1", "-c"])
            .arg(folder.path().join("named.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("named of Debian's bind9 is installed by ./test");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(" running\n") {
            let read = log.read_line(&mut said).unwrap();
            assert!(read > 0, "named ended: {said}");
        }
        // Reading must not stop: named waits for the reader of its log.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self {
            child,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            records: Vec::new(),
            serial: 1,
        }
    }

    /// Puts TXT in place of what is there; a text is cut into strings of at most 255 bytes.
    pub fn text(&mut self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| {
            let strings = text
                .as_bytes()
                .chunks(255)
                .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)));
            format!("TXT {}", strings.collect::<Vec<_>>().join(" "))
        });
        let records: Vec<String> = texts.collect();
        self.set(name, &records.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Puts these records in place of what is there, each as a type and its data.
    pub fn set(&mut self, name: &str, records: &[&str]) {
        self.records.retain(|(other, _)| other != name);
        let records = records.iter().map(|record| (name.to_owned(), (*record).to_owned()));
        self.records.extend(records);
    }

    /// What was put at a name.
    pub fn records(&self, name: &str) -> Vec<String> {
        let records = self.records.iter().filter(|(other, _)| other == name);
        records.map(|(_, record)| record.clone()).collect()
    }

    /// Serves what was set, and waits until it is served.
    pub async fn reload(&mut self) {
        self.serial += 1;
        std::fs::write(self.folder.path().join("root.zone"), zone(self.serial, &self.records)).unwrap();
        let told = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status();
        assert!(told.unwrap().success());
        let dns = self.dns();
        let expect = [self.serial.to_string()];
        while dns.texts("serial.test-of-tallymark", Freshness::Fresh).await.as_deref() != Ok(&expect[..]) {
            tokio::task::yield_now().await;
        }
    }

    pub fn dns(&self) -> Dns {
        dns(self.address)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Its own child, and nothing to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn dns(server: SocketAddr) -> Dns {
    Dns::new(&DnsOptions {
        servers: vec![server],
        ..DnsOptions::default()
    })
    .unwrap()
}

/// Without time to live: what was changed is seen at once.
fn zone(serial: u32, records: &[(String, String)]) -> String {
    let mut text = format!(
        ". 0 SOA ns.test-of-tallymark. root.test-of-tallymark. {serial} 60 60 60 0\n. 0 NS ns.test-of-tallymark.\n\
        ns.test-of-tallymark. 0 A 127.0.0.1\nserial.test-of-tallymark. 0 TXT \"{serial}\"\n"
    );
    for (name, record) in records {
        writeln!(text, "{name}. 0 {record}").unwrap();
    }
    text
}

/// Free for UDP and for TCP a moment ago.
fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if std::net::TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
}
