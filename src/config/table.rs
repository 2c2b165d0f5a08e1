//! The settings themselves: the description of each, and its place in the type that a component takes.

use super::described::Described;
use super::sections::{
    Database, Domains, Enrich, Http, Installation, Limits, Log, Node, Notify, Provenance, RetentionSettings, Smtp,
};
use super::units::{Milliseconds, OptionalPath, OptionalUrl, RequiredRecords, Seconds, WebUrl};
use crate::ingest::{Admission, IntakeSettings};
use crate::outbound::{MailSettings, OutboundSettings};

settings! { SECTIONS:
    /// The database.
    database: Database {
        /// Folder of the database, created if it is missing. The file in it is tallymark.sqlite.
        dir => dir;
        /// A database elsewhere: postgres://USER@HOST/DATABASE or sqlite://PATH. Empty: the file in dir.
        /// A password is better kept in ~/.pgpass, or in the environment, than here.
        /// TLS to PostgreSQL: ...?sslmode=verify-full&sslrootcert=FILE.
        url => url;
        /// Connections that write, on PostgreSQL. The sum with connections_read, over all nodes, must be below the
        /// server's max_connections.
        connections_write => connections.writers;
        /// Connections that read, on PostgreSQL. More queries wait for a free connection.
        connections_read => connections.readers;
    }

    /// The part of this process, where several share a database.
    node: Node {
        /// Name of the node in the log and in leases. Empty: the machine's hostname.
        name => name;
        /// Roles of the node. "smtp" and "imap" receive reports, and "api" answers clients. One node with "jobs" at a time
        /// checks domains, deletes old data and does other periodic work. Every node answers /healthz, /readyz and /metrics.
        roles => roles;
    }

    /// The API.
    http: Http {
        /// Address and port of the API. Put a proxy with TLS before it if other machines can reach it.
        listen => listen;
        /// Maximum number of open connections. When there are more, the one that has waited longest for its client is
        /// closed, if it has waited for 1 s. It need not have waited if its address has more than 32 connections and more than
        /// twice as many as the new one's. 64 more are reserved for /healthz and /readyz.
        connections_max => connections.total_max;
        /// Maximum number of these from one address (IPv6: /64), and of concurrent requests of one client behind a proxy.
        connections_per_address_max => connections.per_address_max;
        /// Proxies, as in ["127.0.0.1"]. The client of a request from a proxy is the last address in X-Forwarded-For that is not a
        /// proxy. Empty: the client is the peer of the connection.
        proxy_networks => connections.proxies;
        /// Longest time in which a client reads almost nothing of an answer or sends nothing of a body, seconds.
        stall_seconds_max => connections.stall_time_max as Seconds;
        /// Longest request body except an upload, bytes.
        api_body_bytes_max => api.api_body_bytes_max;
        /// Longest upload of a report, bytes.
        upload_bytes_max => api.upload_bytes_max;
        /// Longest TLS report that mail servers post to an address of a domain, bytes.
        post_bytes_max => api.post_bytes_max;
        /// Memory for all uploads that are being received or stored, bytes. An account may use a quarter. Uploads
        /// beyond it are told to try again.
        uploads_in_flight_bytes_max => api.uploads_in_flight_bytes_max;
        /// Rows per page if the client names no number.
        page_size_default => api.page_size_default;
        /// Maximum number of rows per page. Larger requests are reduced to it.
        page_size_max => api.page_size_max;
        /// Records on one page, bytes. A longer list ends early and states where it continues.
        page_bytes_max => api.page_bytes_max;
        /// Average requests per second of all keys of an account. 0: no limit.
        rate_per_second => rate.per_second;
        /// Requests that these keys may make in one burst after a pause.
        rate_burst => rate.burst;
        /// Average posts per second of TLS reports without a key: of each peer, and to each domain. 0: no limit.
        post_rate_per_second => post_rate.per_second;
        /// Posts that a peer, or all peers of a domain, may make in one burst after a pause.
        post_rate_burst => post_rate.burst;
        /// Average pages per second of each session at the web page. 0: no limit. The requests that a page makes to
        /// the API do not count against the account.
        page_rate_per_second => page_rate.per_second;
        /// Pages that a session may open in one burst after a pause.
        page_rate_burst => page_rate.burst;
        /// Whether people may sign in at the web page over plain HTTP, from private networks only. Anyone on the network can
        /// read the key. Elsewhere put a proxy with TLS before this address.
        insecure_sign_in => insecure_sign_in;
        /// Longest time from the end of a request to its answer, seconds.
        answer_seconds_max => api.answer_time_max as Seconds;
        /// Maximum number of concurrent long queries for the keys of one account. Its users at the web page may run
        /// as many. More queries wait a moment, then get 429.
        queries_per_account_max => api.queries_per_account_max;
        /// Answers to one account that it has not read yet, bytes.
        answers_per_account_bytes_max => api.answers_per_account_bytes_max;
        /// Answers that are stored for one account's requests with an Idempotency-Key, bytes. The oldest are deleted first.
        kept_answers_per_account_bytes_max => api.kept_answers_per_account_bytes_max;
        /// Maximum number of concurrent exports.
        exports_max => api.exports_max;
        /// Maximum number of these for one account.
        exports_per_account_max => api.exports_per_account_max;
        /// Who may read /metrics: "loopback" (this machine), "everybody" or "nobody".
        metrics => api.metrics;
        /// Where mail servers reach the API over HTTPS, as in "https://tally.example.net": they post TLS reports there. Empty: the
        /// API offers no address for that.
        public_url => api.public_url;
    }

    /// Names of senders.
    enrich: Enrich {
        /// File with your own services, in the form of data/services.tsv. Its rows take precedence over the built-in
        /// ones. `tallymark services check FILE` checks it. It is read again within a minute after it changed, on SIGHUP
        /// at once. Empty: none.
        services_file => services_file;
        /// Whether to ask the name servers of domains.resolvers for the names of sending addresses (PTR), in the background.
        /// Only addresses in reports that were handed in, or that their reporter vouches for, are asked about.
        ptr => ptr;
        /// DNS questions per second for that, each once; the resolver may repeat one. More addresses wait.
        ptr_questions_per_second_max => ptr_options.questions_per_second_max;
        /// Addresses of one domain that are asked about on one day, at most half of them from one reporter. Others are asked
        /// about when a report of another day mentions them.
        ptr_addresses_per_domain_per_day_max => ptr_options.domain_addresses_per_day_max;
        /// File with your own network table in place of the built-in one: an mmdb file with AS numbers, as from IPinfo,
        /// MaxMind or DB-IP, at most 256 MiB. `tallymark networks` shows it. It is read again as the other file is; a file
        /// that cannot be used changes nothing. Empty: the built-in table.
        networks_file => networks_file;
    }

    /// Mail from other mail servers. The MX record of installation.rua_host points at the machine that listens.
    smtp: Smtp {
        /// Addresses that receive mail over SMTP, as in ["0.0.0.0:25"]. Empty: none.
        listen => options.smtp;
        /// Addresses that receive mail over LMTP. Only your own mail server may reach them. Empty: none.
        lmtp_listen => options.lmtp;
        /// Hostname in the greeting. Empty: installation.host, otherwise installation.rua_host, otherwise the
        /// machine's hostname.
        host => options.settings.host;
        /// TLS certificate chain, PEM. It is read again when it changes and on SIGHUP. Empty: a self-signed one is
        /// created in database.dir. Senders of reports accept it.
        certificate => certificate;
        /// The certificate's key, PEM.
        key => key;
        /// One address for the reports of all domains of one account, as in reports@example.org. Empty: none.
        report_address => report_address;
        /// The account that mail to that address, and to postmaster and abuse, belongs to.
        account => account;
        /// What to do with mail that has a CR or LF outside of CR LF: "reject" or "accept". Neither ends a message.
        bare_lf => options.settings.bare_newline;
        /// Load balancers, as in ["10.0.0.0/8"]. Connections from them must begin with a PROXY header, and no others may.
        proxy_networks => options.proxy_networks;
        /// Maximum number of open connections. Above four fifths of it, the shorter timeouts apply.
        connections_max => options.connections.total_max;
        /// Maximum number of these from one address (IPv6: /64).
        connections_per_address_max => options.connections.per_address_max;
        /// Maximum number of these from one network (/24, IPv6: /48).
        connections_per_network_max => options.connections.per_network_max;
        /// Longest command, bytes.
        line_bytes_max => options.settings.line_bytes_max;
        /// Maximum number of recipients of one message.
        recipients_max => options.settings.recipients_max;
        /// Refused commands after which a session is closed.
        errors_max => options.settings.errors_max;
        /// Unknown recipients in one session that are answered at once. Answers to more of them are delayed.
        bad_recipients_max => options.settings.bad_recipients_max;
        /// Delay of each of these answers, seconds. 0: no delay.
        tarpit_seconds => options.settings.tarpit as Seconds;
        /// Maximum number of Received fields. A message with more is refused as a mail loop.
        hops_max => options.settings.hops_max;
        /// Time for one command, and the longest pause in a message, seconds.
        command_seconds_max => options.settings.command_time_max as Seconds;
        /// The same above four fifths of smtp.connections_max.
        command_seconds_under_stress_max => options.settings.command_time_under_stress_max as Seconds;
        /// Lowest rate of a message, bytes per second. 0: no limit.
        data_bytes_per_second_min => options.settings.data_bytes_per_second_min;
        /// Time for one message, seconds.
        transaction_seconds_max => options.settings.transaction_time_max as Seconds;
        /// Time for a TLS handshake, seconds.
        handshake_seconds_max => options.handshake_time_max as Seconds;
        /// Time for messages that are being received when the program stops, seconds.
        drain_seconds_max => options.drain_time_max as Seconds;
        /// Memory for all messages from their first byte to their commit, bytes.
        in_flight_bytes_max => options.budget.in_flight_bytes_max;
        /// A message longer than this is received into a temporary file, bytes.
        spill_bytes => options.budget.memory_bytes_max;
        /// Free disk space below which no message is accepted, bytes. 0: one and a half times the longest message.
        free_disk_bytes_min => options.budget.free_disk_bytes_min;
    }

    /// Checks of mail: SPF, DKIM and DMARC of what arrives over SMTP or LMTP; DKIM and DMARC of mail with reports that is read
    /// from mailboxes, folders and files, or is handed in.
    provenance: Provenance {
        /// Whether mail is checked.
        check => check;
        /// Name servers, as in ["127.0.0.1:53"]. No others are asked. Empty: those of the system.
        resolvers => authenticator.servers;
        /// Longest time for one mail, seconds. Results that are not known by then are "unknown".
        seconds_max => authenticator.time_max as Seconds;
        /// Maximum number of DNS queries for one mail.
        questions_max => authenticator.questions_max;
        /// Maximum number of DKIM signatures of one mail that are verified.
        signatures_max => authenticator.signatures_max;
        /// Maximum number of mails that are checked at the same time.
        mails_max => authenticator.mails_max;
        /// Maximum number of cached DNS answers. Each is cached for its time to live, and at most an hour.
        cached_answers_max => authenticator.cached_answers_max;
        /// Hosts whose Authentication-Results fields are believed in mail that is read or handed in, as in ["mx.example.net"]. They
        /// must remove such fields of their own name from mail that they receive.
        results_hosts => authenticator.fetched.results_hosts;
        /// Age in days up to which signatures of mail that is read or handed in are verified, by the date in the mail. Keys of
        /// older mail may have been replaced: its verdict is "unknown". 0: none is verified.
        fetched_days_max => authenticator.fetched.days_max;
        /// Maximum number of names per hour that the DNS is asked about for such mail. A name that comes again is free.
        fetched_names_max => authenticator.fetched.names_max;
        /// Longest time per hour for checks of such mail that ask about new names or get no answer, seconds, over all of it.
        fetched_seconds_max => authenticator.fetched.time_max as Seconds;
    }

    /// Which reports are in the figures. Those that are held are kept and listed, and count when the owner accepts them.
    reports: Admission {
        /// What happens to a report whose mail arrived over SMTP or LMTP and passed neither DMARC nor an aligned SPF or DKIM
        /// check. "hold" keeps it out of the figures, "count" puts it into them. With provenance.check = false, all count.
        unvouched => unvouched;
        /// Maximum number of messages that one report may be about, where the domain has no own limit. A report about
        /// more is held, however it arrived.
        messages_max => report_messages_max;
    }

    /// Hostnames that the DNS records of your domains point to. Set them before any domain publishes its records. A
    /// record that needs a missing name is not offered.
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

    /// Checks of the DNS records of your domains.
    domains: Domains {
        /// A domain is verified when it publishes these, as in ["dmarc"]. Empty: spf, dkim and dmarc where installation.host is
        /// set, else dmarc alone.
        required => required as RequiredRecords;
        /// Name servers, as in ["127.0.0.1:53"]. No others are asked. Empty: those of the system.
        resolvers => dns.servers;
        /// Maximum number of DNS queries that wait for an answer at the same time.
        questions_in_flight_max => dns.in_flight_max;
        /// Maximum number of domains that are checked in the background at the same time.
        domains_in_flight_max => domains_in_flight_max;
        /// Background checks that begin per second. 100,000 domains take a quarter of an hour at the default.
        domains_per_second_max => domains_per_second_max;
        /// Hours from the first sight of a domain's next DKIM key in DNS until the key signs. Take at least the longest TTL of
        /// your zones, because caches keep an earlier answer for that time.
        dkim_wait_hours => rotation.wait_hours;
        /// Maximum number of days for which the DKIM key before stays, after the next one signs. It ends earlier if reports show
        /// that no mail with it is on its way.
        dkim_retiring_days_max => rotation.retiring_days_max;
        /// Keys that encrypt the DKIM keys in the database, 64 hexadecimal digits each. The first encrypts, and all
        /// decrypt. Empty: those in master_key_file.
        master_keys => master_keys;
        /// File with such keys, one per line. Empty: master.key in database.dir, created at the first start. With
        /// PostgreSQL it is not created, because nodes that share a database need the same keys.
        master_key_file => master_key_file;
    }

    /// Connections to the URLs that your users give, such as webhooks. Only public addresses are connected to. A name is
    /// resolved by domains.resolvers. What your own settings name is not restricted.
    outbound: OutboundSettings {
        /// Networks that these URLs may lead to although they are not public, as in ["10.1.0.0/16"]. Every user of this
        /// installation can then send requests into them.
        allow_networks => allow_networks;
        /// Ports that these URLs may name, besides 443 and 8443.
        ports => ports;
        /// Whether these URLs may begin with http://. Anyone on the way can then read what is sent.
        allow_http => allow_http;
        /// File with the certificate authorities that are trusted, PEM. Empty: those of the system.
        ca_file => ca_file as OptionalPath;
        /// Longest time for one request and its answer, seconds.
        exchange_seconds_max => exchange_time_max as Seconds;
        /// Longest part of an answer that is read, bytes.
        answer_bytes_max => answer_bytes_max;
        /// The server for mail: a section of its own.
        mail => mail;
    }

    /// The submission server that mail is handed over to: events, digests and the questions whether an address may be written to.
    /// No other server is ever spoken to. Its certificate is checked against outbound.ca_file.
    outbound.mail: MailSettings {
        /// Name or address of the server. Empty: no mail is sent.
        host => host;
        /// Port of the server. 0: 465 with "tls", otherwise 587.
        port => port;
        /// Encryption: "tls" from the first byte, "starttls", or "plain", which shows the mail to anyone on the way. With the first
        /// two nothing is sent to a server without TLS. With "plain" no password is sent.
        tls => protection;
        /// User name at the server. Empty: the program does not sign in.
        user => user;
        /// File with the password and nothing else.
        password_file => password_file;
        /// Address that mail is from, as in "alerts@example.com". If its domain is a verified domain of this installation, mail is
        /// signed with its DKIM key, and is only sent over TLS if its tls_mode is enforced.
        from => from;
    }

    /// Events, and their delivery to webhooks and channels.
    notify: Notify {
        /// How long deliveries are kept, days from the event, whatever became of them.
        deliveries_days => deliveries_days;
        /// URL of the web page as your users reach it, as in "https://tally.example". Messages in channels link to its pages.
        /// Empty: they have no links.
        page_url => channels.page as OptionalUrl;
        /// URL of Telegram's Bot API, or of a proxy before it. The restrictions of [outbound] apply to it.
        telegram_url => channels.places.telegram as WebUrl;
    }

    /// How long data is kept.
    retention: RetentionSettings {
        /// Whether reports are also kept as they were received.
        originals => originals;
        /// How long these originals are kept, days from their arrival. 0 keeps them for ever.
        originals_days => kept.originals_days;
        /// How long records of reports are kept, days from the end of their window or their arrival, whichever is
        /// later. 0 keeps them for ever. The sums per day and source are always kept.
        records_days => kept.records_days;
        /// How long failure reports are kept, days from their arrival. 0 keeps them for ever.
        failure_reports_days => kept.failure_reports_days;
        /// How long messages in quarantine, unclaimed reports and other mail are kept, days from their arrival. 0 keeps them
        /// for ever.
        set_aside_days => kept.set_aside_days;
    }

    /// Limits on what a message may cost. A message that exceeds a limit is quarantined, never lost.
    limits: Limits {
        /// Longest message or file, bytes.
        message_bytes_max => message_bytes_max;
        /// Maximum depth of nested multiparts.
        mime_depth_max => process.unpack.mime_depth_max;
        /// Maximum number of parts of one mail.
        mime_parts_max => process.unpack.mime_parts_max;
        /// Maximum depth of mails inside mails.
        rfc822_levels_max => process.unpack.rfc822_levels_max;
        /// Longest block of header fields, bytes.
        header_bytes_max => process.unpack.header_bytes_max;
        /// Maximum number of header fields in one block.
        header_fields_max => process.unpack.header_fields_max;
        /// Maximum number of files in the archives of one message.
        archive_entries_max => process.unpack.archive_entries_max;
        /// Maximum depth of nested archives.
        archive_nesting_max => process.unpack.archive_nesting_max;
        /// Longest archive inside an archive, bytes.
        archive_bytes_max => process.unpack.archive_bytes_max;
        /// Longest report after decompression, bytes. The memory used does not depend on it.
        xml_bytes_max => process.unpack.xml_bytes_max;
        /// Maximum total of decompressed bytes for one message.
        inflated_bytes_max => process.unpack.inflated_bytes_max;
        /// Longest text or tag of a report, bytes.
        event_bytes_max => process.report.event_bytes_max;
        /// Maximum depth of nested elements.
        xml_depth_max => process.report.depth_max;
        /// Maximum number of attributes of one tag.
        attributes_max => process.report.attributes_max;
        /// Maximum number of records in a report.
        records_max => process.report.records_max;
        /// Maximum number of kinds of records in a report. Records that differ only in address and count are of one kind.
        evidence_max => process.report.evidence_max;
        /// Maximum number of DKIM results of a record, and of SPF results. More are dropped with a warning.
        results_max => process.report.results_max;
        /// Longest TLS report after decompression, bytes. It is held in memory while it is read.
        tls_bytes_max => process.tls.json_bytes_max;
        /// Maximum number of failures in a TLS report.
        tls_failures_max => process.tls.failures_max;
        /// Maximum number of contradicting versions of one report that are kept: of the vouched ones, and of the
        /// others. More are set aside.
        report_versions_max => keep.versions_max;
        /// Maximum number of messages that an account sets aside per UTC day, of mail that nothing vouches for. More
        /// mail is answered with 452. Mail that passed DMARC has ten times this limit. Uploads, imports and mailboxes
        /// have no such limit.
        set_aside_messages_per_day_max => keep.set_aside_day_max.messages;
        /// The same in bytes.
        set_aside_bytes_per_day_max => keep.set_aside_day_max.bytes;
        /// Maximum number of held reports that an account keeps per UTC day, of mail that nothing vouches for. More
        /// mail is answered with 452. Mail that passed DMARC has ten times this limit. Uploads, imports and mailboxes
        /// have no such limit.
        held_reports_per_day_max => keep.held_day_max.messages;
        /// The same in bytes.
        held_bytes_per_day_max => keep.held_day_max.bytes;
        /// Maximum number of TLS reports that are kept per domain and UTC day of those that anyone posts, counted or set
        /// aside. More are answered with 429.
        posted_reports_per_day_max => keep.posted_day_max.messages;
        /// The same in bytes.
        posted_bytes_per_day_max => keep.posted_day_max.bytes;
        /// Maximum number of source addresses of one domain per day. About 16,000 more may be counted before the
        /// limit takes effect. A report that would add more is held.
        day_addresses_max => keep.day_addresses_max;
        /// Memory for the contents of one message, unpacked and parsed, bytes. The message itself does not count.
        memory_bytes_max => process.cost.memory_bytes_max;
        /// Maximum number of tags, texts and references in the reports of one message.
        events_max => process.cost.events_max;
        /// Maximum number of source addresses in one report.
        addresses_max => process.cost.addresses_max;
        /// Space in the database for one message, as a multiple of its own length.
        stored_times_max => process.cost.stored_times_max;
        /// Space in the database that the reports of any message may take, however short it is, bytes.
        stored_bytes_free => process.cost.stored_bytes_free;
        /// Longest processor time for one message, seconds.
        seconds_max => process.time_max as Seconds;
    }

    /// How messages get into the database.
    intake: IntakeSettings {
        /// Queue length in messages. When the queue is full, producers wait.
        queue_messages_max => queue_messages_max;
        /// Maximum number of messages in one transaction.
        batch_messages_max => batch_messages_max;
        /// Maximum total of the messages in one transaction, bytes.
        batch_bytes_max => batch_bytes_max;
        /// Number of threads that unpack and parse. 0: one per core.
        threads => threads;
        /// A message that unpacks to more than this is processed apart from the others, bytes.
        slow_bytes => slow.bytes;
        /// A message that takes longer than this to read is processed apart as well, milliseconds.
        slow_milliseconds => slow.after as Milliseconds;
        /// Maximum number of messages that are processed apart at the same time. 0: one per two cores.
        slow_at_once_max => slow.seats;
        /// Maximum number of mails that wait to be processed apart. More mail is answered with 451.
        slow_waiting_max => slow.waiting_max;
    }

    /// What is written to standard error.
    log: Log {
        /// Messages to log: a level (error, warn, info, debug, trace), or levels by module, as in "info,sqlx=warn".
        filter => filter;
        /// Format of log messages.
        format => format;
    }
}
