//! The settings themselves: the description of each, and its place in the type that a component takes.

use super::described::Described;
use super::sections::{
    Database, Domains, Enrich, Http, Installation, Limits, Log, Node, Provenance, RetentionSettings, Smtp,
};
use super::units::{Milliseconds, RequiredRecords, Seconds};
use crate::ingest::{Admission, IntakeSettings};

settings! { SECTIONS:
    /// Where everything is kept.
    database: Database {
        /// The folder of the database, made if it is missing. The file in it is tallymark.sqlite.
        dir => dir;
        /// A database elsewhere: postgres://USER@HOST/DATABASE or sqlite://PATH. Empty is the file in dir.
        /// A password is better kept in ~/.pgpass, or in the environment, than here.
        /// TLS to PostgreSQL: ...?sslmode=verify-full&sslrootcert=FILE.
        url => url;
        /// Transactions that write at the same time, on PostgreSQL. With connections_read, and for all nodes together, there
        /// must be fewer than the server's max_connections.
        connections_write => connections.writers;
        /// Questions that are asked at the same time, on PostgreSQL; more than that wait for one another.
        connections_read => connections.readers;
    }

    /// What this process does, where several share a database.
    node: Node {
        /// Which node it is, in the log and in leases, for people. Empty is the machine's host name.
        name => name;
        /// What it does: "smtp" and "imap" take reports in, "api" answers clients, and of the nodes with "jobs" one at a
        /// time checks domains, drops what is old and so on. /healthz, /readyz and /metrics are answered by every node.
        roles => roles;
    }

    /// The API.
    http: Http {
        /// Where the API listens. Put a proxy with TLS before it if others than this machine shall reach it.
        listen => listen;
        /// Connections that may be open at once. When there are more, the one that has waited longest for its client is
        /// closed; /healthz and /readyz are answered on 64 more.
        connections_max => connections.total_max;
        /// Of these from one address (IPv6: /64), and requests at once of one client behind a proxy.
        connections_per_address_max => connections.per_address_max;
        /// Proxies, as in ["127.0.0.1"]. The client of a request from a proxy is the last address in X-Forwarded-For that is not a
        /// proxy. Empty: the client is the peer of the connection.
        proxy_networks => connections.proxies;
        /// How long a client may read next to nothing of an answer, or send nothing of a body, seconds.
        stall_seconds_max => connections.stall_time_max as Seconds;
        /// Longest request body except an upload, bytes.
        api_body_bytes_max => api.api_body_bytes_max;
        /// Longest upload of a report, bytes.
        upload_bytes_max => api.upload_bytes_max;
        /// Bytes that have come of all uploads that are being received or stored. A quarter is an account's; what is beyond
        /// is told to come again.
        uploads_in_flight_bytes_max => api.uploads_in_flight_bytes_max;
        /// Rows on a page if the client does not say.
        page_size_default => api.page_size_default;
        /// Most rows on a page, whatever the client says.
        page_size_max => api.page_size_max;
        /// Records on a page, bytes: a longer list ends early and says where it goes on.
        page_bytes_max => api.page_bytes_max;
        /// Requests per second that all keys of an account may make in the long run; 0 means no limit.
        rate_per_second => rate.per_second;
        /// Requests that they may make at once when they have been quiet.
        rate_burst => rate.burst;
        /// Pages per second that each session of the web page may open in the long run; 0 means no limit. The requests that a
        /// page makes to the API do not count against the account.
        page_rate_per_second => page_rate.per_second;
        /// Pages that a session may open at once when it has been quiet.
        page_rate_burst => page_rate.burst;
        /// Whether people may sign in at the web page over plain HTTP, from private networks only. Anyone on the network can
        /// read the key. Elsewhere put a proxy with TLS before this address.
        insecure_sign_in => insecure_sign_in;
        /// Longest time from the end of a request to its answer, seconds.
        answer_seconds_max => api.answer_time_max as Seconds;
        /// Long queries that run at once for the keys of one account, and as many for its users at the web page. More queries
        /// wait a moment, then get 429.
        queries_per_account_max => api.queries_per_account_max;
        /// Bytes of answers to one account that it has not read yet.
        answers_per_account_bytes_max => api.answers_per_account_bytes_max;
        /// Bytes of answers that one account has kept for requests with an Idempotency-Key; the oldest are forgotten first.
        kept_answers_per_account_bytes_max => api.kept_answers_per_account_bytes_max;
        /// Exports that may run at once.
        exports_max => api.exports_max;
        /// Of these for one account.
        exports_per_account_max => api.exports_per_account_max;
        /// Who may read /metrics: "loopback" (this machine), "everybody" or "nobody".
        metrics => api.metrics;
    }

    /// Names of senders.
    enrich: Enrich {
        /// A file with services of your own, in the form of data/services.tsv: its rows win over the compiled-in ones.
        /// `tallymark services check FILE` checks it. Empty: there is none.
        services_file => services_file;
    }

    /// Mail from other mail servers. The MX record of installation.rua_host points at the machine that listens.
    smtp: Smtp {
        /// Where SMTP is spoken, as in ["0.0.0.0:25"]; empty: nowhere.
        listen => options.smtp;
        /// Where LMTP is spoken: to a mail server of your own, never to the world; empty: nowhere.
        lmtp_listen => options.lmtp;
        /// Our name in the greeting. Empty: installation.host, else installation.rua_host, else the machine's host name.
        host => options.settings.host;
        /// TLS certificate chain, PEM. It is read again when it changes and on SIGHUP. Empty: a self-signed one is made in
        /// database.dir, which senders of reports accept.
        certificate => certificate;
        /// The certificate's key, PEM.
        key => key;
        /// One address for the reports of all domains of one account, as in reports@example.org; empty: there is none.
        report_address => report_address;
        /// The account that mail to that address, and to postmaster and abuse, belongs to.
        account => account;
        /// Mail with a CR or LF that is not part of CR LF: "reject" or "accept". Neither ends a message.
        bare_lf => options.settings.bare_newline;
        /// Load balancers, as in ["10.0.0.0/8"]: connections from there must begin with a PROXY header, and no others may.
        proxy_networks => options.proxy_networks;
        /// Connections that may be open at once; when four fifths are, patience is short.
        connections_max => options.connections.total_max;
        /// Of these from one address (IPv6: /64).
        connections_per_address_max => options.connections.per_address_max;
        /// Of these from one network (/24, IPv6: /48).
        connections_per_network_max => options.connections.per_network_max;
        /// Longest command, bytes.
        line_bytes_max => options.settings.line_bytes_max;
        /// Recipients of one message.
        recipients_max => options.settings.recipients_max;
        /// Refused commands in one session; then it is closed.
        errors_max => options.settings.errors_max;
        /// Unknown recipients in one session that are answered at once; the next wait.
        bad_recipients_max => options.settings.bad_recipients_max;
        /// How long each of those waits, seconds; 0 means no wait.
        tarpit_seconds => options.settings.tarpit as Seconds;
        /// Received fields of a message that is not going in circles.
        hops_max => options.settings.hops_max;
        /// Time for one command, and the longest pause in a message, seconds.
        command_seconds_max => options.settings.command_time_max as Seconds;
        /// The same when connections become scarce.
        command_seconds_under_stress_max => options.settings.command_time_under_stress_max as Seconds;
        /// Lowest rate of a message, bytes per second; 0 means no limit.
        data_bytes_per_second_min => options.settings.data_bytes_per_second_min;
        /// Time for one message, seconds.
        transaction_seconds_max => options.settings.transaction_time_max as Seconds;
        /// Time for a TLS handshake, seconds.
        handshake_seconds_max => options.handshake_time_max as Seconds;
        /// Time for messages that are being received when the program stops, seconds.
        drain_seconds_max => options.drain_time_max as Seconds;
        /// Memory for all messages from their first byte to their commit, bytes.
        in_flight_bytes_max => options.budget.in_flight_bytes_max;
        /// A message longer than this is received into a nameless file, bytes.
        spill_bytes => options.budget.memory_bytes_max;
        /// No message is taken with less free disk than this, bytes; 0 is one and a half of the longest message.
        free_disk_bytes_min => options.budget.free_disk_bytes_min;
    }

    /// Who mail that comes by SMTP is really from: SPF, DKIM, DMARC.
    provenance: Provenance {
        /// Whether it is checked.
        check => check;
        /// Name servers to ask, as in ["127.0.0.1:53"], and no others are; empty: those of the system.
        resolvers => authenticator.servers;
        /// Longest time for one mail, seconds; what is not known by then is "unknown".
        seconds_max => authenticator.time_max as Seconds;
        /// DNS questions for one mail.
        questions_max => authenticator.questions_max;
        /// DKIM signatures of one mail that are verified.
        signatures_max => authenticator.signatures_max;
        /// Mails that are checked at once.
        mails_max => authenticator.mails_max;
        /// DNS answers that are kept, each as long as it says and at most an hour.
        cached_answers_max => authenticator.cached_answers_max;
    }

    /// Which reports are in the figures. Those that are held are kept and listed, and count when the owner accepts them.
    reports: Admission {
        /// What happens to a report whose mail came by SMTP or LMTP and passed neither DMARC nor an aligned SPF or DKIM check:
        /// "hold" keeps it out of the figures, "count" puts it into them. With provenance.check = false all count.
        unvouched => unvouched;
        /// Messages that one report may be about, where the domain has no limit of its own. A report about more is held,
        /// however it came.
        messages_max => report_messages_max;
    }

    /// The names that the DNS records of your domains point to. Set them before any domain publishes its records: no
    /// record is offered that needs a name that is not set.
    installation: Installation {
        /// The name of an installation that also sends mail for its domains, as in "mail.example.net"; the hosts for SPF,
        /// tracking, inbound mail and bounces are below it. Empty: this installation only collects reports.
        host => host;
        /// The host that reports are sent to, as in "rua.example.net"; its MX record points here. Empty: no mail server
        /// can send reports here.
        rua_host => rua_host;
        /// Hosts of single regions (eu-west-1, us-east-1, sa-east-1, ap-northeast-1) that differ from these, each as in
        /// [installation.regions.us-east-1] with any of rua_host, inbound_host, bounce_host.
        regions => regions;
    }

    /// Looking after the DNS records of your domains.
    domains: Domains {
        /// A domain is verified when it publishes these, as in ["dmarc"]. Empty: spf, dkim and dmarc where installation.host is
        /// set, else dmarc alone.
        required => required as RequiredRecords;
        /// Name servers to ask, as in ["127.0.0.1:53"], and no others are; empty: those of the system.
        resolvers => dns.servers;
        /// DNS questions that wait for their answers at the same time.
        questions_in_flight_max => dns.in_flight_max;
        /// Domains that are looked at, at the same time, in the background.
        domains_in_flight_max => domains_in_flight_max;
        /// Domains that the background begins to look at in a second: a hundred thousand take a quarter of an hour.
        domains_per_second_max => domains_per_second_max;
        /// What DKIM keys are encrypted with in the database, 64 hexadecimal digits each: the first encrypts, all decrypt.
        /// Empty: those in master_key_file.
        master_keys => master_keys;
        /// A file with such keys, one a line. Empty: master.key in database.dir, made at the first start, but for PostgreSQL:
        /// nodes that share a database need the same keys.
        master_key_file => master_key_file;
    }

    /// How long things are kept.
    retention: RetentionSettings {
        /// Whether reports are kept as they were received.
        originals => originals;
        /// For how long, days from their arrival; 0 keeps them for ever.
        originals_days => kept.originals_days;
        /// Records of reports, days from the later of the end of their window and their arrival; 0 keeps them for ever. The
        /// sums of each day and source stay for ever.
        records_days => kept.records_days;
        /// Messages in quarantine, unclaimed reports and other mail, days from their arrival; 0 keeps them for ever.
        set_aside_days => kept.set_aside_days;
    }

    /// What a message may cost. What breaks a limit is set aside in quarantine, never lost.
    limits: Limits {
        /// Longest message or file, bytes.
        message_bytes_max => message_bytes_max;
        /// Multiparts inside each other.
        mime_depth_max => process.unpack.mime_depth_max;
        /// Parts of one mail.
        mime_parts_max => process.unpack.mime_parts_max;
        /// Mails inside mails.
        rfc822_levels_max => process.unpack.rfc822_levels_max;
        /// One block of header fields, bytes.
        header_bytes_max => process.unpack.header_bytes_max;
        /// Header fields in one block.
        header_fields_max => process.unpack.header_fields_max;
        /// Files in the archives of one message.
        archive_entries_max => process.unpack.archive_entries_max;
        /// Archives inside each other.
        archive_nesting_max => process.unpack.archive_nesting_max;
        /// An archive inside an archive, bytes.
        archive_bytes_max => process.unpack.archive_bytes_max;
        /// Longest report after decompression, bytes. Memory stays flat whatever it is.
        xml_bytes_max => process.unpack.xml_bytes_max;
        /// All that is decompressed for one message, bytes.
        inflated_bytes_max => process.unpack.inflated_bytes_max;
        /// One text or tag of a report, bytes.
        event_bytes_max => process.report.event_bytes_max;
        /// Elements inside each other.
        xml_depth_max => process.report.depth_max;
        /// Attributes of one tag.
        attributes_max => process.report.attributes_max;
        /// Most records in a report.
        records_max => process.report.records_max;
        /// Most kinds of records in a report: those that differ in more than address and count are held in memory.
        evidence_max => process.report.evidence_max;
        /// DKIM results of a record, and SPF results; more are dropped with a warning.
        results_max => process.report.results_max;
        /// Texts of one report that contradict each other and are kept: of those that are vouched for, and of the others. More are
        /// set aside.
        report_versions_max => keep.versions_max;
        /// Messages that an account sets aside per UTC day, of mail that nothing vouches for. More mail is answered with
        /// 452. Ten times as much of mail that passed DMARC; uploads, imports and mailboxes have no such limit.
        set_aside_messages_per_day_max => keep.set_aside_day_max.messages;
        /// The same in bytes.
        set_aside_bytes_per_day_max => keep.set_aside_day_max.bytes;
        /// Held reports that an account keeps per UTC day, of mail that nothing vouches for. More mail is answered with
        /// 452. Ten times as many of mail that passed DMARC; uploads, imports and mailboxes have no such limit.
        held_reports_per_day_max => keep.held_day_max.messages;
        /// The same in bytes.
        held_bytes_per_day_max => keep.held_day_max.bytes;
        /// Different source addresses of one domain on one day; about 16,000 more may come before it is noticed. A report that
        /// would bring more is held.
        day_addresses_max => keep.day_addresses_max;
        /// Memory for what is in one message, unpacked and parsed, bytes; the message itself is not counted.
        memory_bytes_max => process.cost.memory_bytes_max;
        /// Tags, texts and references in the reports of one message.
        events_max => process.cost.events_max;
        /// Different source addresses in one report.
        addresses_max => process.cost.addresses_max;
        /// Room in the database for one message, as a multiple of its own length.
        stored_times_max => process.cost.stored_times_max;
        /// Room in the database that the reports of any message may take, however short it is, bytes.
        stored_bytes_free => process.cost.stored_bytes_free;
        /// Longest processor time for one message, seconds.
        seconds_max => process.time_max as Seconds;
    }

    /// How messages get into the database.
    intake: IntakeSettings {
        /// Queue length in messages. When the queue is full, producers wait.
        queue_messages_max => queue_messages_max;
        /// Most messages in one transaction.
        batch_messages_max => batch_messages_max;
        /// Most bytes of messages in one transaction.
        batch_bytes_max => batch_bytes_max;
        /// Threads that unpack and parse; 0 is one for each core.
        threads => threads;
        /// A message that unpacks to more than this is read and stored apart from the others, bytes.
        slow_bytes => slow.bytes;
        /// So is one whose reading takes longer than this, milliseconds.
        slow_milliseconds => slow.after as Milliseconds;
        /// Messages that are read and stored apart at once; 0 is one for each two cores.
        slow_at_once_max => slow.seats;
        /// Mail that may wait to be read apart; more is answered with 451.
        slow_waiting_max => slow.waiting_max;
    }

    /// What is written to standard error.
    log: Log {
        /// Which messages: a level (error, warn, info, debug, trace), or levels by module, as in "info,sqlx=warn".
        filter => filter;
        /// How each is written.
        format => format;
    }
}
