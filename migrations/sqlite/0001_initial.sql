-- The whole schema. It is the same in both dialects: tables, columns, keys, indexes. Until the first release this file is
-- edited in place.
--
-- Instants are Unix milliseconds; times of reports (begin_at, end_at) are Unix seconds; days are UTC days since 1970. Codes
-- are those of the crate's enums. Every table below domains starts its primary key and its indexes with domain_id, so
-- that the rows of a domain are stored together. docs/storage.md describes the packed values byte by byte.

-- Blocks of numbers are taken from these. domains_version grows with every change to the set of domains, and
-- targets_version with every change of what targets want. commits is the number of the last transaction that wrote
-- (store/mark.rs). addresses is the number of the last answers about addresses.
create table counters (
    name text not null primary key,
    value integer not null
) without rowid;
insert into counters (name, value) values ('account', 1), ('key', 1), ('domain', 1), ('report', 1),
    ('set_aside', 1), ('ip', 1), ('decision', 1), ('owner_change', 1), ('finding', 1), ('target', 1), ('delivery', 1),
    ('domains_version', 1), ('commits', 0), ('addresses', 0), ('targets_version', 1);

-- The node that does a job which only one node may do at a time. lasts: the length of the lease in milliseconds, counted
-- from when it was taken or renewed. A lease that ends later than that from now was taken under a clock that was ahead.
create table leases (
    name text not null primary key,
    holder text not null,
    until_at integer not null,
    lasts integer not null
) without rowid;

-- How far each version of the reader has read other mail again (ingest/rereads.rs): the messages set aside from next_id to below
-- end_id, which was the end when it began. reader: the version.
create table rereads (
    reader integer primary key,
    next_id integer not null,
    end_id integer not null
);

-- One row while the copy of another database into this one is unfinished (store/copy.rs). state: what the other held.
create table copies (
    state text not null primary key
) without rowid;

-- summary_day: the last day of which the account was told a summary. thresholds: JSON of store/thresholds.rs, null where no
-- rule was changed.
create table accounts (
    account_id integer primary key,
    name text not null unique,
    mode integer not null,
    created_at integer not null,
    summary_day integer,
    thresholds text
);

-- next_check_at: when the DNS of the domain is looked at next. misses: how often in a row a verified domain failed its check,
-- counted last at missed_at. ip_id: the dedicated address that the domain sends from. claim_due: 1 until the reports that
-- waited for the domain have been counted once. report_messages_max: null for the limit of the installation.
-- accepted_reporters: JSON, the reporters whose reports count whatever mail carried them. tls_token_hash: SHA-256 of the token
-- with which TLS reports are posted (RFC 8460, 5.4); tls_token_at: when it was made. thresholds: as of accounts.
-- failure_reports: what is kept of failure reports, 0 nothing.
create table domains (
    domain_id integer primary key,
    public_id text not null unique,
    account_id integer not null references accounts (account_id),
    name text not null,
    status integer not null,
    region integer not null,
    tls_mode integer not null,
    open_tracking integer not null,
    click_tracking integer not null,
    inbound_enabled integer not null,
    catch_all integer not null,
    custom_return_path text,
    tracking_domain text,
    bimi_logo_url text,
    rua_token text not null unique,
    created_at integer not null,
    updated_at integer not null,
    verified_at integer,
    last_checked_at integer,
    next_check_at integer not null,
    misses integer not null default 0,
    missed_at integer,
    ip_id integer,
    claim_due integer not null,
    report_messages_max integer,
    accepted_reporters text,
    tags text,
    tls_token_hash blob unique,
    tls_token_at integer,
    thresholds text,
    failure_reports integer not null default 0,
    unique (account_id, name)
);
-- Mail to a domain itself is looked up by the name of the domain, over all accounts.
create index domains_by_name on domains (name);
create index domains_by_next_check on domains (account_id, next_check_at, domain_id);
create index domains_by_ip on domains (ip_id);
create index domains_to_claim on domains (account_id, domain_id) where claim_due = 1;

-- checks: what was found of each record. own_networks: networks of the domain's own SPF record. JSON of store/checks.rs, each
-- written as a whole.
create table domain_checks (
    domain_id integer not null primary key,
    checks text not null,
    own_networks text not null
) without rowid;

-- What the owner of a domain has decided about senders. kind: what subject is (store/decisions.rs). whose: null where only a
-- name is given.
create table sender_decisions (
    domain_id integer not null,
    decision_id integer not null,
    kind integer not null,
    subject text not null,
    whose integer,
    name text,
    note text,
    decided_by text not null,
    decided_at integer not null,
    primary key (domain_id, decision_id)
) without rowid;

-- Changes that the owner of a domain says they made. kind: what was changed (store/owner_changes.rs). service: the only service that
-- it is about.
create table owner_changes (
    domain_id integer not null,
    change_id integer not null,
    kind integer not null,
    changed_at integer not null,
    service text,
    note text,
    posted_by text not null,
    posted_at integer not null,
    primary key (domain_id, change_id)
) without rowid;

-- What rules found about a domain, and told its owner (store/findings.rs): a row each time that something begins. Rules go on
-- from the newest row of a kind and subject. subject: what it is about, '' for the domain itself. is_open: whether it holds.
-- ended_at: null while it holds, and where nothing began: that is a state which later ones are compared with. told_at: when
-- an event was last written about the subject, 0 if none was. detail: what the rule remembers; data: what the event says, null
-- without one; both JSON. snoozed_until: no event is written before. snoozed_by, snoozed_at, snooze_note: who wanted that.
create table findings (
    domain_id integer not null,
    finding_no integer not null,
    kind integer not null,
    subject text not null,
    is_open integer not null,
    opened_at integer not null,
    ended_at integer,
    told_at integer not null,
    detail text not null,
    data text,
    snoozed_until integer,
    snoozed_by text,
    snoozed_at integer,
    snooze_note text,
    primary key (domain_id, finding_no)
) without rowid;
create index findings_by_subject on findings (domain_id, kind, subject, finding_no);
create index findings_snoozed on findings (domain_id, snoozed_until) where snoozed_until is not null;

-- The key that the mail of a domain is signed with. public_key: DER of the SubjectPublicKeyInfo (RFC 5280). sealed_key: the
-- private key, encrypted (domains/keyring.rs) with a key that is not in the database. selectors_made: how many selectors the domain has
-- been given; none is given twice.
create table dkim_keys (
    domain_id integer not null primary key,
    selector text not null,
    public_key blob not null,
    sealed_key blob not null,
    created_at integer not null,
    selectors_made integer not null
) without rowid;

-- The other key of a domain that changes from one key to the next: until switched_at is set the one that signs next, then the one
-- that signed before, of which no private half is kept. published_at: when its record was first seen, with no look since that
-- missed it.
create table dkim_rotations (
    domain_id integer not null primary key,
    selector text not null,
    public_key blob not null,
    sealed_key blob,
    started_at integer not null,
    published_at integer,
    activates_after integer,
    switched_at integer,
    retire_after integer
) without rowid;

-- Addresses that only one account sends from.
create table ip_addresses (
    ip_id integer primary key,
    account_id integer not null references accounts (account_id),
    address text not null unique,
    created_at integer not null
);
create index ip_addresses_by_account on ip_addresses (account_id, ip_id);

create table api_keys (
    key_id integer primary key,
    account_id integer not null references accounts (account_id),
    name text not null,
    permission integer not null,
    domain_id integer,
    prefix text not null,
    hash blob not null unique,
    created_at integer not null,
    last_used_at integer,
    revoked_at integer
);
create index api_keys_by_account on api_keys (account_id, key_id);

-- Sign-ins of the web page, on every node. session_hash: SHA-256 of the token.
create table sessions (
    session_hash blob not null primary key,
    key_id integer not null,
    created_at integer not null,
    until_at integer not null
) without rowid;
create index sessions_by_age on sessions (until_at);
-- The sessions of a key are counted when one is added.
create index sessions_by_key on sessions (key_id, created_at);

-- Requests with an Idempotency-Key, for 24 hours. scope: SHA-256 of the path of the route and that key. owner: the run that
-- answers it, until status is set. answer: sealed with what the client presented (keys.rs), which is not in the database.
create table idempotent_requests (
    key_id integer not null,
    scope blob not null,
    body_hash blob not null,
    owner blob not null,
    started_at integer not null,
    status integer,
    answer blob,
    primary key (key_id, scope)
) without rowid;
create index idempotent_requests_by_age on idempotent_requests (started_at);

-- Where an account is told of events: webhooks, channels of platforms and digests. kind: 0 for a webhook, 100 for a digest, else the
-- code of the platform (store/target.rs). name: of a channel or digest. domain_id: events of this domain alone, null for all. url: of a webhook.
-- events: words of store/events.rs with a space between them, or *. secret: of a webhook the one that signs, of a channel
-- its whole configuration, JSON, of a digest its address. previous_secret: signs too until previous_until. Both are sealed (domains/keyring.rs).
-- failures: attempts that failed in a row, the first of them at failing_since. last_at, last_status: of the last attempt,
-- status null without an answer. period, scope, told_day: of a digest; scope has the numbers of its domains, null for all, and
-- told_day is the first day of the newest period that was told of. waits_for_reader: 1 if it is off until its reader agrees.
create table targets (
    target_id integer primary key,
    account_id integer not null references accounts (account_id),
    kind integer not null,
    name text,
    domain_id integer,
    url text,
    events text not null,
    active integer not null,
    secret blob not null,
    previous_secret blob,
    previous_until integer,
    rotated_at integer,
    failures integer not null,
    failing_since integer,
    disabled_at integer,
    disabled_reason text,
    waits_for_reader integer not null,
    last_at integer,
    last_status integer,
    period integer,
    scope text,
    told_day integer,
    created_at integer not null,
    updated_at integer not null
);
create index targets_by_account on targets (account_id, target_id);

-- The outbox: an event for a target, written in the transaction of its cause. payload: the event, JSON. attempts:
-- since it was written or replayed last. next_at: when the next attempt is due, null where there is none. status: of the
-- last answer, null without one. response: the beginning of that answer, or why nothing was sent.
create table deliveries (
    delivery_id integer primary key,
    target_id integer not null,
    event_id text not null,
    event text not null,
    payload text not null,
    attempts integer not null,
    next_at integer,
    delivered_at integer,
    status integer,
    response text,
    created_at integer not null
);
create index deliveries_by_target on deliveries (target_id, delivery_id);
create index deliveries_due on deliveries (target_id, next_at) where next_at is not null;
create index deliveries_by_age on deliveries (created_at);

-- Whether the owner of an address agreed to mail of an account. address_hash: SHA-256 of the address (store/readers.rs).
-- confirmed_at: null until then. asked: the questions that were sent on the UTC day asked_day, the last with one. unanswered: those
-- that were sent since the day unanswered_since and not answered.
create table readers (
    account_id integer not null references accounts (account_id),
    address_hash blob not null,
    confirmed_at integer,
    asked_day integer not null,
    asked integer not null,
    unanswered integer not null,
    unanswered_since integer not null,
    primary key (account_id, address_hash)
) without rowid;

-- Feeds of the settings whose failure was told to their account (store/feeds.rs), until they are read again.
create table failing_feeds (
    account_id integer not null references accounts (account_id),
    name text not null,
    failing_since integer not null,
    primary key (account_id, name)
) without rowid;

-- One row per distinct report.
--
-- identity_key, content_key, piece_key: report/aggregate/keys.rs; piece_key is null where the report has an id. policy_key:
-- the policy domain with its labels reversed (com.example.mail.), null where it is the domain of the row. sliced: 1 where the
-- row has only those records of its text that are about a domain below the policy domain. counted: 0 for the loser of a
-- conflict and for a report that may not count; such a report is in no sum. acceptance: why it may count or not
-- (store/trust.rs). records_since: the instant from which the age of the records counts, which is the later of the end of
-- the window and of the arrival that brought the records; null once retention has dropped them. original_no: the number under
-- which the mail is in originals. provenance: JSON of store/provenance.rs, null without an envelope. history: what owners
-- decided, JSON, null if nothing.
create table reports (
    domain_id integer not null,
    report_no integer not null,
    content_key blob not null,
    identity_key blob not null,
    piece_key blob,
    policy_key blob,
    begin_at integer not null,
    end_at integer not null,
    counted integer not null,
    acceptance integer not null,
    sliced integer not null,
    partial integer not null,
    pass integer not null,
    fail integer not null,
    dkim_aligned integer not null,
    spf_aligned integer not null,
    none integer not null,
    quarantine integer not null,
    reject integer not null,
    records integer not null,
    records_kept integer not null,
    records_since integer,
    received_at integer not null,
    authenticated integer not null,
    arrivals integer not null,
    warnings integer not null,
    original_no integer,
    org_key text not null,
    org_name text,
    email text,
    report_id text not null,
    policy text not null,
    detail text not null,
    provenance text,
    history text,
    primary key (domain_id, report_no)
) without rowid;
create unique index reports_by_content on reports (domain_id, content_key);
create index reports_by_identity on reports (domain_id, identity_key);
create index reports_by_piece on reports (domain_id, piece_key) where piece_key is not null;
create index reports_by_policy on reports (domain_id, policy_key) where policy_key is not null;
-- Lists, counts and retention read this index and no rows.
create index reports_by_begin
    on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key, authenticated, records_since, end_at);
-- The report that ends last is found by what begins last; windows longer than 25 hours have an index of their own
-- (store/overview.rs). An index by the end of every window would make each report touch one page more.
create index reports_by_end on reports (domain_id, counted, end_at, begin_at, report_no) where end_at - begin_at > 90000;
create index reports_by_acceptance on reports (domain_id, acceptance, begin_at, report_no, pass, fail, org_key, authenticated)
    where acceptance <> 0;
-- The reports that came in one message after its first.
create index reports_by_original on reports (domain_id, original_no) where original_no <> report_no;

-- The slices of texts whose policy domain the account does not have, over all its domains. policy: as policy_key.
create table slices (
    account_id integer not null,
    identity_key blob not null,
    content_key blob not null,
    domain_id integer not null,
    report_no integer not null,
    policy blob not null,
    primary key (account_id, identity_key, domain_id, report_no)
) without rowid;
create index slices_by_content on slices (account_id, content_key);
create index slices_by_policy on slices (account_id, policy);

-- The records of a report, packed, up to 1,024 per row (store/records.rs).
create table records (
    domain_id integer not null,
    report_no integer not null,
    first_record integer not null,
    content blob not null,
    primary key (domain_id, report_no, first_record)
);

-- What the records of a report refer to: identifiers, authentication results and reasons, in blocks of about a page
-- (store/evidence.rs). A small report has its only block with its records.
create table evidence (
    domain_id integer not null,
    report_no integer not null,
    block integer not null,
    content blob not null,
    primary key (domain_id, report_no, block)
);

-- The mails of reports, under the number of the first report of the domain in each, so that they are stored in the order of
-- arrival. digest: the first half of the SHA-256 of the mail as received. unpacked_len: null where bytes are as received; else
-- bytes are raw DEFLATE, and this is the length as received (store/stored_bytes.rs). mail_keys: JSON, the key records of its
-- signatures as the DNS had them (store/proof.rs); null without any.
create table originals (
    domain_id integer not null,
    report_no integer not null,
    received_at integer not null,
    digest blob not null,
    unpacked_len integer,
    mail_keys text,
    bytes blob not null,
    primary key (domain_id, report_no)
);
create index originals_by_arrival on originals (domain_id, received_at);

-- The sums of a day. vouched: 1 for those of reports whose mail passed DMARC for the reporter, 0 for the others. A day on which
-- all reports are alike has one row.
create table daily_totals (
    domain_id integer not null,
    day integer not null,
    vouched integer not null,
    pass integer not null,
    fail integer not null,
    dkim_aligned integer not null,
    spf_aligned integer not null,
    none integer not null,
    quarantine integer not null,
    reject integer not null,
    reports integer not null,
    primary key (domain_id, day, vouched)
) without rowid;

-- The paths of a domain's messages (store/paths.rs), up to 16 per row. They are only added. block: 0 has the first.
create table paths (
    domain_id integer not null,
    block integer not null,
    content blob not null,
    primary key (domain_id, block)
);

-- All sources of a day with their paths and totals, packed (store/rollup.rs): a question about a month reads thirty days. A day
-- has up to four parts, each of which may hold eight times as many entries as the one before. A report is merged into the
-- first; a part that overflows is merged into the next. slot: four times the day, plus the part.
create table daily_sources (
    domain_id integer not null,
    slot integer not null,
    sources blob not null,
    primary key (domain_id, slot)
);

-- The messages of a day by reporter (kind 0: facet is the name that the reporter has for itself) and by signer (kind 1: facet
-- is the d= of the signature, detail its s=). reports and until_day are of kind 0 only: the number of windows that begin on
-- the day, and the last day of these windows.
create table daily_facets (
    domain_id integer not null,
    kind integer not null,
    day integer not null,
    facet text not null,
    detail text not null,
    pass integer not null,
    fail integer not null,
    reports integer not null,
    until_day integer,
    primary key (domain_id, kind, day, facet, detail)
) without rowid;

-- One row per distinct TLS report. Keys, counted, acceptance, authenticated and provenance are as in reports; its number is
-- from the same block, so that both kinds share originals. policy_domain: the domain that the report is about. failing: how
-- many of its policies have failures. details_since: as records_since; null once retention has dropped content. content: JSON of
-- store/tls/stored.rs.
create table tls_reports (
    domain_id integer not null,
    report_no integer not null,
    content_key blob not null,
    identity_key blob not null,
    policy_key blob,
    begin_at integer not null,
    end_at integer not null,
    counted integer not null,
    acceptance integer not null,
    policies integer not null,
    failing integer not null,
    details_since integer,
    received_at integer not null,
    authenticated integer not null,
    arrivals integer not null,
    warnings integer not null,
    original_no integer,
    org_name text,
    contact text,
    report_id text not null,
    policy_domain text not null,
    provenance text,
    content text,
    primary key (domain_id, report_no)
);
create unique index tls_reports_by_content on tls_reports (domain_id, content_key);
create index tls_reports_by_identity on tls_reports (domain_id, identity_key);
create index tls_reports_by_policy on tls_reports (domain_id, policy_key) where policy_key is not null;
-- Lists, counts and retention read this index.
create index tls_reports_by_begin on tls_reports (domain_id, counted, begin_at, report_no, failing, details_since);
-- Whether an original is still needed.
create index tls_reports_by_original on tls_reports (domain_id, original_no) where original_no is not null;

-- The sessions of a day by what counted reports say of them. kind 0: reports of a reporter (subject) whose window begins on
-- the day. kind 1: sessions under a policy (type) about a domain (subject). kind 2: failed sessions under a policy, of a type of
-- failure (subject), at a receiving host (place), from an address (sender). What a report does not say is ''.
create table daily_tls (
    domain_id integer not null,
    kind integer not null,
    day integer not null,
    policy text not null,
    subject text not null,
    place text not null,
    sender text not null,
    successful integer not null,
    failed integer not null,
    reports integer not null,
    primary key (domain_id, kind, day, policy, subject, place, sender)
) without rowid;

-- One row per distinct failure report, with facts that hold no local part of an address. content_key, policy_key and
-- authenticated are as in reports; the number is from the same block. happened_at: when the mail that failed arrived at the
-- reporter, Unix seconds. source: the host that it came from. content: JSON of store/failures/stored.rs. texts: JSON of
-- report/failure/model.rs, null unless failure_reports of the domain says that header fields are kept.
create table failure_reports (
    domain_id integer not null,
    report_no integer not null,
    content_key blob not null,
    policy_key blob,
    happened_at integer not null,
    received_at integer not null,
    authenticated integer not null,
    arrivals integer not null,
    warnings integer not null,
    incidents integer not null,
    source text,
    reported_domain text not null,
    header_from text,
    reporter text,
    failure text,
    delivery text,
    spf text,
    dkim text,
    content text not null,
    texts text,
    primary key (domain_id, report_no)
);
create unique index failure_reports_by_content on failure_reports (domain_id, content_key);
create index failure_reports_by_policy on failure_reports (domain_id, policy_key) where policy_key is not null;
-- Lists and counts read this index.
create index failure_reports_by_time on failure_reports (domain_id, happened_at, report_no, source);
create index failure_reports_by_arrival on failure_reports (domain_id, received_at);

-- Messages that became no counted report. policy_domain is '' except for unclaimed reports. bytes_len: length as received.
create table set_aside (
    set_aside_id integer primary key,
    account_id integer not null,
    kind integer not null,
    digest blob not null,
    policy_domain text not null,
    domain_id integer,
    reason text not null,
    detail text not null,
    leaf text not null,
    byte_offset integer,
    origin text not null,
    received_at integer not null,
    arrivals integer not null,
    bytes_len integer not null,
    provenance text,
    unique (account_id, kind, digest, policy_domain)
);
create index set_aside_by_account on set_aside (account_id, set_aside_id);
create index set_aside_by_kind on set_aside (account_id, kind, set_aside_id);
create index set_aside_by_policy_domain on set_aside (account_id, kind, policy_domain);
create index set_aside_by_message on set_aside (account_id, digest);
create index set_aside_by_age on set_aside (received_at);

-- The bytes of messages set aside, once per account. digest, unpacked_len and bytes are as in originals.
create table set_aside_messages (
    account_id integer not null,
    digest blob not null,
    unpacked_len integer,
    bytes blob not null,
    primary key (account_id, digest)
);

-- How much mail of unknown senders was set aside or held on a UTC day, and how much of what was posted was kept. vouched: the code
-- of what is counted (store/commit/quota.rs). domain_id: the domain that was posted to; 0 for mail, which is counted by account.
create table set_aside_days (
    day integer not null,
    account_id integer not null,
    vouched integer not null,
    domain_id integer not null,
    messages integer not null,
    bytes integer not null,
    primary key (day, account_id, vouched, domain_id)
) without rowid;

-- Refused mail per account, UTC day and reason, for the owner of the account.
create table refused_days (
    account_id integer not null,
    day integer not null,
    reason text not null,
    messages integer not null,
    bytes integer not null,
    first_at integer not null,
    last_at integer not null,
    primary key (account_id, day, reason)
) without rowid;
create index refused_days_by_day on refused_days (day);

-- What DNS has as the names of sending addresses: a cache of the whole installation, for people who read (store/addresses.rs).
-- address: 4 or 16 bytes. state: null before the first answer. name: only if it leads back to the address. ask_at: not asked
-- before. tries: questions without an answer since the last one. turn: null unless the address waits to be asked; small
-- numbers come first. change_no: the value of the counter "addresses" at the last answer, 0 before; what has the smallest is
-- dropped first.
create table addresses (
    address blob not null primary key,
    state integer,
    name text,
    asked_at integer,
    ask_at integer not null,
    tries integer not null,
    turn integer,
    change_no integer not null
) without rowid;
create index addresses_waiting on addresses (turn, ask_at) where turn is not null;
create index addresses_by_change on addresses (change_no);

-- A mailbox that is read over IMAP. Every message with a UID up to settled_uid is settled, except those with a row in
-- mailbox_items.
create table mailboxes (
    source text not null primary key,
    uid_validity integer not null,
    since_day integer not null,
    settled_uid integer not null
) without rowid;

-- One message of a mailbox, one object of a bucket, or one file of a Maildir or folder. item: a UID, the id of the message, key
-- and ETag of the object, or the name of the file without its folder and flags. state: 0 to be read again, 1 settled and left in place, 2 committed and to be moved to processed, 3 to failed.
create table mailbox_items (
    source text not null,
    item text not null,
    state integer not null,
    attempts integer not null,
    primary key (source, item)
) without rowid;
