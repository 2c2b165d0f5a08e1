//! The program as a mail server on the loopback, and a sender.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use tallymark::base::Mode;
use tallymark::store::{Location, Store};

/// The release build of the program, with a database in a folder of its own.
pub struct Serving {
    pub folder: tempfile::TempDir,
    pub child: Child,
    pub smtp: SocketAddr,
    /// The report address of example.com.
    pub rua: String,
}

impl Serving {
    #[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
    pub fn start(check: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let token = runtime.block_on(async {
            let file = Location::File(folder.path().join("tallymark.sqlite"));
            let store = Store::open(file).await.expect("a database");
            let account = store.add_account("default", Mode::Live, 0).await.expect("an account");
            let domain = super::new_domain("example.com");
            let domain = store.add_domain(account.id, domain, 0).await.expect("a domain");
            store.close().await;
            domain.rua_token
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--smtp", "0.0.0.0:0"]);
        command.env("TALLYMARK__DATABASE__DIR", folder.path());
        command.env("TALLYMARK__LOG__FILTER", "warn");
        command.env("TALLYMARK__PROVENANCE__CHECK", check.to_string());
        command.env("TALLYMARK__INSTALLATION__RUA_HOST", "rua.tally.example");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.rsplit_once("smtp://0.0.0.0:")?.1.parse::<u16>().ok());
        Self {
            smtp: SocketAddr::from(([127, 0, 0, 1], port.expect("it says where it listens"))),
            rua: format!("{token}@rua.tally.example"),
            folder,
            child,
        }
    }

    /// CPU time so far, seconds.
    pub fn cpu_seconds(&self) -> f64 {
        super::database::cpu_seconds(&self.child.id().to_string())
    }

    /// Resident memory now, MiB.
    pub fn resident_mebibytes(&self) -> f64 {
        super::status_mebibytes(&self.child.id().to_string(), "VmRSS:")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that waits for each reply, as `smtp-source` does.
pub struct Sender(BufReader<TcpStream>);

impl Sender {
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(to)?)
    }

    /// Over a connection that is there already.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut sender = Self(BufReader::new(stream));
        sender.reply("220")?;
        sender.say(b"EHLO sender.example\r\n", "250")?;
        Ok(sender)
    }

    pub fn send(&mut self, to: &str, wire: &[u8]) -> io::Result<()> {
        self.say(b"MAIL FROM:<a@sender.example>\r\n", "250")?;
        self.say(format!("RCPT TO:<{to}>\r\n").as_bytes(), "250")?;
        self.say(b"DATA\r\n", "354")?;
        self.say(wire, "250")
    }

    pub fn say(&mut self, bytes: &[u8], reply: &str) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)?;
        self.reply(reply)
    }

    fn reply(&mut self, begin: &str) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        if line.starts_with(begin) {
            return Ok(());
        }
        Err(io::Error::other(line))
    }
}

/// A connection from another of this machine's addresses.
pub fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(from, 0))?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}

/// A mail with packed XML, as it goes over the wire.
pub fn attached_wire(packed: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut wire =
        b"From: noreply@reporter.example\r\nTo: dmarc@rua.example\r\nSubject: Report domain: example.com\r\n\
        MIME-Version: 1.0\r\nContent-Type: application/gzip; name=\"reporter.example!example.com!1!2.xml.gz\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
            .to_vec();
    for line in packed.chunks(57) {
        for three in line.chunks(3) {
            let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
            for nth in 0..4 {
                let is_filler = nth > three.len();
                wire.push(if is_filler {
                    b'='
                } else {
                    ALPHABET[(bits >> (18 - 6 * nth)) as usize & 63]
                });
            }
        }
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// A mail of about 10 KB with a report about example.com, as it goes over the wire.
pub fn report_wire(nth: usize) -> Vec<u8> {
    let begin = 1_758_240_000 + 86_400 * (nth % 30) as u64;
    let mut text = format!(
        "From: noreply@reporter.example\r\nTo: dmarc@rua.example\r\nSubject: Report domain: example.com Report-ID: <{nth}>\r\n\
         Message-ID: <{nth}@reporter.example>\r\nDate: Tue, 10 Mar 2026 04:05:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/xml; name=\"reporter.example!example.com!{begin}!{0}.xml\"\r\n\r\n\
         <?xml version=\"1.0\"?>\r\n<feedback>\r\n<report_metadata><org_name>Reporter</org_name>\
         <email>noreply@reporter.example</email><report_id>{nth}</report_id>\
         <date_range><begin>{begin}</begin><end>{0}</end></date_range></report_metadata>\r\n\
         <policy_published><domain>example.com</domain><p>none</p></policy_published>\r\n",
        begin + 86_399
    );
    for row in 0..20 {
        let address = (nth * 7 + row * 13) % 250 + 1;
        text += &format!(
            "<record>\r\n<row><source_ip>192.0.2.{address}</source_ip><count>{}</count>\r\n\
             <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\r\n\
             <identifiers><envelope_from>bounce.example.com</envelope_from><header_from>example.com</header_from></identifiers>\r\n\
             <auth_results><dkim><domain>example.com</domain><selector>s{}</selector><result>pass</result></dkim>\r\n\
             <spf><domain>bounce.example.com</domain><scope>mfrom</scope><result>pass</result></spf></auth_results>\r\n\
             </record>\r\n",
            if row == 0 { nth + 1 } else { 1 + row % 5 },
            row % 3
        );
    }
    text += "</feedback>\r\n.\r\n";
    text.into_bytes()
}
