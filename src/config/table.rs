//! The settings themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Described, Folder, Imap, Maildir};
use crate::base::DomainName;

settings! {
    /// Where everything is kept.
    database: Database {
        /// The folder of the database, made if it is missing. The file in it is tallymark.sqlite.
        dir: PathBuf = PathBuf::from("./tallymark-data");
        /// A database elsewhere: postgres://USER@HOST/DATABASE or sqlite://PATH. Empty is the file in dir.
        /// A password is better kept in ~/.pgpass, or in the environment, than here.
        /// TLS to PostgreSQL: ...?sslmode=verify-full&sslrootcert=FILE.
        url: String = String::new();
        /// Transactions that write at the same time, on PostgreSQL. With connections_read, and for all nodes together, there
        /// must be fewer than the server's max_connections.
        connections_write: u32 = 4;
        /// Questions that are asked at the same time, on PostgreSQL; more than that wait for one another.
        connections_read: u32 = 16;
    }

    /// What this process does, where several share a database.
    node: Node {
        /// Which node it is, in the log and in leases, for people. Empty is the machine's host name.
        name: String = String::new();
        /// What it does: "smtp" and "imap" take reports in, "api" answers clients, and of the nodes with "jobs" one at a
        /// time checks domains, drops what is old and so on. /healthz, /readyz and /metrics are answered by every node.
        roles: Vec<Role> = Role::ALL.to_vec();
    }

    /// The API.
    http: Http {
        /// Where the API listens. Put a proxy with TLS before it if others than this machine shall reach it.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080));
        /// Connections that may be open at once. When there are more, the one that has waited longest for its client is
        /// closed; /healthz and /readyz are answered on 64 more.
        connections_max: usize = 2_048;
        /// Of these from one address (IPv6: /64), and requests at once of one client behind a proxy.
        connections_per_address_max: usize = 256;
        /// Proxies, as in ["127.0.0.1"]. The client of a request from a proxy is the last address in X-Forwarded-For that is not a
        /// proxy. Empty: the client is the peer of the connection.
        proxy_networks: Vec<String> = Vec::new();
        /// How long a client may read next to nothing of an answer, or send nothing of a body, seconds.
        stall_seconds_max: u64 = 30;
        /// Longest request body except an upload, bytes.
        api_body_bytes_max: usize = 64 * 1024;
        /// Longest upload of a report, bytes.
        upload_bytes_max: usize = 25 * 1024 * 1024;
        /// Bytes that have come of all uploads that are being received or stored. A quarter is an account's; what is beyond
        /// is told to come again.
        uploads_in_flight_bytes_max: usize = 256 * 1024 * 1024;
        /// Rows on a page if the client does not say.
        page_size_default: u32 = 20;
        /// Most rows on a page, whatever the client says.
        page_size_max: u32 = 100;
        /// Records on a page, bytes: a longer list ends early and says where it goes on.
        page_bytes_max: usize = 1024 * 1024;
        /// Requests per second that all keys of an account may make in the long run; 0 means no limit.
        rate_per_second: u32 = 20;
        /// Requests that they may make at once when they have been quiet.
        rate_burst: u32 = 200;
        /// Pages per second that each session of the web page may open in the long run; 0 means no limit. The requests that a
        /// page makes to the API do not count against the account.
        page_rate_per_second: u32 = 5;
        /// Pages that a session may open at once when it has been quiet.
        page_rate_burst: u32 = 200;
        /// Whether people may sign in at the web page over plain HTTP, from private networks only. Anyone on the network can
        /// read the key. Elsewhere put a proxy with TLS before this address.
        insecure_sign_in: bool = false;
        /// Longest time from the end of a request to its answer, seconds.
        answer_seconds_max: u64 = 60;
        /// Long queries that run at once for the keys of one account, and as many for its users at the web page. More queries
        /// wait a moment, then get 429.
        queries_per_account_max: usize = 2;
        /// Bytes of answers to one account that it has not read yet.
        answers_per_account_bytes_max: usize = 16 * 1024 * 1024;
        /// Bytes of answers that one account has kept for requests with an Idempotency-Key; the oldest are forgotten first.
        kept_answers_per_account_bytes_max: u64 = 64 * 1024 * 1024;
        /// Exports that may run at once.
        exports_max: usize = 8;
        /// Of these for one account.
        exports_per_account_max: usize = 2;
        /// Who may read /metrics: "loopback" (this machine), "everybody" or "nobody".
        metrics: MetricsReaders = MetricsReaders::Loopback;
    }

    /// Mail from other mail servers. The MX record of installation.rua_host points at the machine that listens.
    smtp: Smtp {
        /// Where SMTP is spoken, as in ["0.0.0.0:25"]; empty: nowhere.
        listen: Vec<SocketAddr> = Vec::new();
        /// Where LMTP is spoken: to a mail server of your own, never to the world; empty: nowhere.
        lmtp_listen: Vec<SocketAddr> = Vec::new();
        /// Our name in the greeting. Empty: installation.host, else installation.rua_host, else the machine's host name.
        host: String = String::new();
        /// TLS certificate chain, PEM. It is read again when it changes and on SIGHUP. Empty: a self-signed one is made in
        /// database.dir, which senders of reports accept.
        certificate: PathBuf = PathBuf::new();
        /// The certificate's key, PEM.
        key: PathBuf = PathBuf::new();
        /// One address for the reports of all domains of one account, as in reports@example.org; empty: there is none.
        report_address: String = String::new();
        /// The account that mail to that address, and to postmaster and abuse, belongs to.
        account: String = "default".to_owned();
        /// Mail with a CR or LF that is not part of CR LF: "reject" or "accept". Neither ends a message.
        bare_lf: BareLf = BareLf::Reject;
        /// Load balancers, as in ["10.0.0.0/8"]: connections from there must begin with a PROXY header, and no others may.
        proxy_networks: Vec<String> = Vec::new();
        /// Connections that may be open at once; when four fifths are, patience is short.
        connections_max: usize = 10_000;
        /// Of these from one address (IPv6: /64).
        connections_per_address_max: u32 = 50;
        /// Of these from one network (/24, IPv6: /48).
        connections_per_network_max: u32 = 150;
        /// Longest command, bytes.
        line_bytes_max: usize = 2_048;
        /// Recipients of one message.
        recipients_max: usize = 100;
        /// Refused commands in one session; then it is closed.
        errors_max: u32 = 20;
        /// Unknown recipients in one session that are answered at once; the next wait.
        bad_recipients_max: u32 = 10;
        /// How long each of those waits, seconds; 0 means no wait.
        tarpit_seconds: u64 = 5;
        /// Received fields of a message that is not going in circles.
        hops_max: u32 = 100;
        /// Time for one command, and the longest pause in a message, seconds.
        command_seconds_max: u64 = 300;
        /// The same when connections become scarce.
        command_seconds_under_stress_max: u64 = 30;
        /// Lowest rate of a message, bytes per second; 0 means no limit.
        data_bytes_per_second_min: u64 = 500;
        /// Time for one message, seconds.
        transaction_seconds_max: u64 = 1_800;
        /// Time for a TLS handshake, seconds.
        handshake_seconds_max: u64 = 10;
        /// Time for messages that are being received when the program stops, seconds.
        drain_seconds_max: u64 = 30;
        /// Memory for all messages from their first byte to their commit, bytes.
        in_flight_bytes_max: u64 = 256 * 1024 * 1024;
        /// A message longer than this is received into a nameless file, bytes.
        spill_bytes: usize = 64 * 1024;
        /// No message is taken with less free disk than this, bytes; 0 is one and a half of the longest message.
        free_disk_bytes_min: u64 = 0;
    }

    /// Who mail that comes by SMTP is really from: SPF, DKIM, DMARC.
    provenance: Provenance {
        /// Whether it is checked.
        check: bool = true;
        /// Name servers to ask, as in ["127.0.0.1:53"], and no others are; empty: those of the system.
        resolvers: Vec<SocketAddr> = Vec::new();
        /// Longest time for one mail, seconds; what is not known by then is "unknown".
        seconds_max: u64 = 5;
        /// DNS questions for one mail.
        questions_max: u64 = 40;
        /// DKIM signatures of one mail that are verified.
        signatures_max: usize = 5;
        /// Mails that are checked at once.
        mails_max: usize = 256;
        /// DNS answers that are kept, each as long as it says and at most an hour.
        cached_answers_max: u64 = 1_024;
    }

    /// Which reports are in the figures. Those that are held are kept and listed, and count when the owner accepts them.
    reports: Reports {
        /// What happens to a report whose mail came by SMTP or LMTP and passed neither DMARC nor an aligned SPF or DKIM check:
        /// "hold" keeps it out of the figures, "count" puts it into them. With provenance.check = false all count.
        unvouched: UnvouchedReports = UnvouchedReports::Hold;
        /// Messages that one report may be about, where the domain has no limit of its own. A report about more is held,
        /// however it came.
        messages_max: u64 = 1_000_000_000;
    }

    /// The names that the DNS records of your domains point to. Set them before any domain publishes its records: no
    /// record is offered that needs a name that is not set.
    installation: Installation {
        /// The name of an installation that also sends mail for its domains, as in "mail.example.net"; the hosts for SPF,
        /// tracking, inbound mail and bounces are below it. Empty: this installation only collects reports.
        host: OptionalHost = OptionalHost::default();
        /// The host that reports are sent to, as in "rua.example.net"; its MX record points here. Empty: no mail server
        /// can send reports here.
        rua_host: OptionalHost = OptionalHost::default();
        /// Hosts of single regions (eu-west-1, us-east-1, sa-east-1, ap-northeast-1) that differ from these, each as in
        /// [installation.regions.us-east-1] with any of rua_host, inbound_host, bounce_host.
        regions: BTreeMap<RegionName, RegionHosts> = BTreeMap::new();
    }

    /// Looking after the DNS records of your domains.
    domains: Domains {
        /// A domain is verified when it publishes these, as in ["dmarc"]. Empty: spf, dkim and dmarc where installation.host is
        /// set, else dmarc alone.
        required: Vec<RequiredRecord> = Vec::new();
        /// Name servers to ask, as in ["127.0.0.1:53"], and no others are; empty: those of the system.
        resolvers: Vec<SocketAddr> = Vec::new();
        /// DNS questions that wait for their answers at the same time.
        questions_in_flight_max: usize = 200;
        /// Domains that are looked at, at the same time, in the background.
        domains_in_flight_max: usize = 64;
        /// Domains that the background begins to look at in a second: a hundred thousand take a quarter of an hour.
        domains_per_second_max: u32 = 100;
        /// What DKIM keys are encrypted with in the database, 64 hexadecimal digits each: the first encrypts, all decrypt.
        /// Empty: those in master_key_file.
        master_keys: Vec<String> = Vec::new();
        /// A file with such keys, one a line. Empty: master.key in database.dir, made at the first start, but for PostgreSQL:
        /// nodes that share a database need the same keys.
        master_key_file: PathBuf = PathBuf::new();
    }

    /// How long things are kept.
    retention: Retention {
        /// Whether reports are kept as they were received.
        originals: bool = true;
        /// For how long, days from their arrival; 0 keeps them for ever.
        originals_days: u32 = 30;
        /// Records of reports, days from the later of the end of their window and their arrival; 0 keeps them for ever. The
        /// sums of each day and source stay for ever.
        records_days: u32 = 400;
        /// Messages in quarantine, unclaimed reports and other mail, days from their arrival; 0 keeps them for ever.
        set_aside_days: u32 = 400;
    }

    /// What a message may cost. What breaks a limit is set aside in quarantine, never lost.
    limits: Limits {
        /// Longest message or file, bytes.
        message_bytes_max: u64 = 25 * 1024 * 1024;
        /// Multiparts inside each other.
        mime_depth_max: usize = 8;
        /// Parts of one mail.
        mime_parts_max: usize = 256;
        /// Mails inside mails.
        rfc822_levels_max: usize = 4;
        /// One block of header fields, bytes.
        header_bytes_max: usize = 100 * 1024;
        /// Header fields in one block.
        header_fields_max: usize = 1_000;
        /// Files in the archives of one message.
        archive_entries_max: usize = 16;
        /// Archives inside each other.
        archive_nesting_max: usize = 3;
        /// An archive inside an archive, bytes.
        archive_bytes_max: usize = 25 * 1024 * 1024;
        /// Longest report after decompression, bytes. Memory stays flat whatever it is.
        xml_bytes_max: u64 = 256 * 1024 * 1024;
        /// All that is decompressed for one message, bytes.
        inflated_bytes_max: u64 = 512 * 1024 * 1024;
        /// One text or tag of a report, bytes.
        event_bytes_max: usize = 64 * 1024;
        /// Elements inside each other.
        xml_depth_max: usize = 32;
        /// Attributes of one tag.
        attributes_max: usize = 64;
        /// Most records in a report.
        records_max: usize = 2_000_000;
        /// Most kinds of records in a report: those that differ in more than address and count are held in memory.
        evidence_max: usize = 250_000;
        /// DKIM results of a record, and SPF results; more are dropped with a warning.
        results_max: usize = 100;
        /// Texts of one report that contradict each other and are kept: of those that are vouched for, and of the others. More are
        /// set aside.
        report_versions_max: usize = 20;
        /// Messages that an account sets aside per UTC day, of mail that nothing vouches for. More mail is answered with
        /// 452. Ten times as much of mail that passed DMARC; uploads, imports and mailboxes have no such limit.
        set_aside_messages_per_day_max: u64 = 2_000;
        /// The same in bytes.
        set_aside_bytes_per_day_max: u64 = 64 * 1024 * 1024;
        /// Held reports that an account keeps per UTC day, of mail that nothing vouches for. More mail is answered with
        /// 452. Ten times as many of mail that passed DMARC; uploads, imports and mailboxes have no such limit.
        held_reports_per_day_max: u64 = 2_000;
        /// The same in bytes.
        held_bytes_per_day_max: u64 = 64 * 1024 * 1024;
        /// Different source addresses of one domain on one day; about 16,000 more may come before it is noticed. A report that
        /// would bring more is held.
        day_addresses_max: usize = 250_000;
        /// Memory for what is in one message, unpacked and parsed, bytes; the message itself is not counted.
        memory_bytes_max: u64 = 64 * 1024 * 1024;
        /// Tags, texts and references in the reports of one message.
        events_max: u64 = 10_000_000;
        /// Different source addresses in one report.
        addresses_max: usize = 200_000;
        /// Room in the database for one message, as a multiple of its own length.
        stored_times_max: u64 = 4;
        /// Room in the database that the reports of any message may take, however short it is, bytes.
        stored_bytes_free: u64 = 64 * 1024;
        /// Longest processor time for one message, seconds.
        seconds_max: u64 = 2;
    }

    /// How messages get into the database.
    intake: Intake {
        /// Queue length in messages. When the queue is full, producers wait.
        queue_messages_max: usize = 1_024;
        /// Most messages in one transaction.
        batch_messages_max: usize = 256;
        /// Most bytes of messages in one transaction.
        batch_bytes_max: usize = 4 * 1024 * 1024;
        /// Threads that unpack and parse; 0 is one for each core.
        threads: usize = 0;
        /// A message that unpacks to more than this is read and stored apart from the others, bytes.
        slow_bytes: u64 = 8 * 1024 * 1024;
        /// So is one whose reading takes longer than this, milliseconds.
        slow_milliseconds: u64 = 25;
        /// Messages that are read and stored apart at once; 0 is one for each two cores.
        slow_at_once_max: usize = 0;
        /// Mail that may wait to be read apart; more is answered with 451.
        slow_waiting_max: usize = 64;
    }

    /// What is written to standard error.
    log: Log {
        /// Which messages: a level (error, warn, info, debug, trace), or levels by module, as in "info,sqlx=warn".
        filter: String = "info".to_owned();
        /// How each is written.
        format: LogFormat = LogFormat::Text;
    }
}

/// Something that a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes mail from mail servers.
    Smtp,
    /// Fetches mail from mailboxes and folders.
    Imap,
    /// Answers clients.
    Api,
    /// Does what has to be done from time to time.
    Jobs,
}

impl Role {
    /// The default roles of a node.
    pub const ALL: [Self; 4] = [Self::Smtp, Self::Imap, Self::Api, Self::Jobs];

    /// As it is written in settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Api => "api",
            Self::Jobs => "jobs",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.word() == word);
        role.ok_or_else(|| format!("a node can be {}", Self::ALL.map(Self::word).join(", ")))
    }
}

/// How log messages are written: `text` for people, `json` for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line per message, for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A record that a domain may have to publish to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequiredRecord {
    Spf,
    Dkim,
    Dmarc,
    ReturnPath,
    Tracking,
    Mx,
    Bimi,
}

/// A region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum RegionName {
    #[serde(rename = "eu-west-1")]
    EuWest1,
    #[serde(rename = "us-east-1")]
    UsEast1,
    #[serde(rename = "sa-east-1")]
    SaEast1,
    #[serde(rename = "ap-northeast-1")]
    ApNortheast1,
}

/// The hosts of one region; those that are missing are the installation's.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionHosts {
    /// That reports are sent to.
    pub rua_host: OptionalHost,
    /// That receives mail to the domains themselves.
    pub inbound_host: OptionalHost,
    /// That return paths point to.
    pub bounce_host: OptionalHost,
}

/// What happens to mail with a CR or LF that is not part of CR LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BareLf {
    /// Read to its true end and refused.
    Reject,
    /// Taken as it is.
    Accept,
}

/// What happens to reports that nothing vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnvouchedReports {
    /// They wait until the owner of the domain accepts them.
    Hold,
    /// They count like all others.
    Count,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsReaders {
    /// Who connects from this machine.
    Loopback,
    /// Anyone who can connect.
    Everybody,
    /// No one.
    Nobody,
}

/// A host's name, or none: an empty text, or a placeholder that older examples had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OptionalHost(Option<DomainName>);

/// What the examples of version 0.1 called the installation. No mail is received there.
const PLACEHOLDER: &str = "tallymark.example";

impl OptionalHost {
    /// The name itself.
    pub fn name(&self) -> Option<&DomainName> {
        self.0.as_ref()
    }
}

impl TryFrom<String> for OptionalHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let name = DomainName::parse(&text).map_err(|error| format!("{text}: {error}"))?;
        let is_placeholder = name.as_str() == PLACEHOLDER || name.ancestors().any(|above| above == PLACEHOLDER);
        Ok(Self((!is_placeholder).then_some(name)))
    }
}

impl From<OptionalHost> for String {
    fn from(host: OptionalHost) -> Self {
        host.0.map(|name| name.to_string()).unwrap_or_default()
    }
}
