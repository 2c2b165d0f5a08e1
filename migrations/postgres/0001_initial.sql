-- The whole schema. It is the same in both dialects: tables, columns, keys, indexes. Until the first release this file is
-- edited in place. Texts are compared by their bytes (collate "C"), as SQLite does.
--
-- Instants are Unix milliseconds; times of reports (begin_at, end_at) are Unix seconds; days are UTC days since 1970. Codes
-- are those of the crate's enums. Every table below domains starts its primary key and its indexes with domain_id, so
-- that the rows of a domain are stored together. docs/storage.md describes the packed values byte by byte.

-- Blocks of numbers are taken from these. domains_version grows with every change to the set of domains, and
-- targets_version with every change of what targets want. commits is the number of the last transaction that wrote
-- (store/mark.rs). addresses is the number of the last answers about addresses.
create table counters (
    name text collate "C" not null primary key,
    value bigint not null
);
insert into counters (name, value) values ('account', 1), ('key', 1), ('domain', 1), ('report', 1),
    ('set_aside', 1), ('ip', 1), ('decision', 1), ('owner_change', 1), ('finding', 1), ('target', 1), ('delivery', 1),
    ('domains_version', 1), ('commits', 0), ('addresses', 0), ('targets_version', 1);

-- The node that does a job which only one node may do at a time. lasts: the length of the lease in milliseconds, counted
-- from when it was taken or renewed. A lease that ends later than that from now was taken under a clock that was ahead.
create table leases (
    name text collate "C" not null primary key,
    holder text collate "C" not null,
    until_at bigint not null,
    lasts bigint not null
);

-- How far each version of the reader has read other mail again (ingest/rereads.rs): the messages set aside from next_id to below
-- end_id, which was the end when it began. reader: the version.
create table rereads (
    reader bigint primary key,
    next_id bigint not null,
    end_id bigint not null
);

-- One row while the copy of another database into this one is unfinished (store/copy.rs). state: what the other held.
create table copies (
    state text collate "C" not null primary key
);

-- summary_day: the last day of which the account was told a summary. thresholds: JSON of store/thresholds.rs, null where no
-- rule was changed.
create table accounts (
    account_id bigint primary key,
    name text collate "C" not null unique,
    mode bigint not null,
    created_at bigint not null,
    summary_day bigint,
    thresholds text collate "C"
);

-- next_check_at: when the DNS of the domain is looked at next. misses: how often in a row a verified domain failed its check,
-- counted last at missed_at. ip_id: the dedicated address that the domain sends from. claim_due: 1 until the reports that
-- waited for the domain have been counted once. report_messages_max: null for the limit of the installation.
-- accepted_reporters: JSON, the reporters whose reports count whatever mail carried them. tls_token_hash: SHA-256 of the token
-- with which TLS reports are posted (RFC 8460, 5.4); tls_token_at: when it was made. thresholds: as of accounts.
-- failure_reports: what is kept of failure reports, 0 nothing.
create table domains (
    domain_id bigint primary key,
    public_id text collate "C" not null unique,
    account_id bigint not null references accounts (account_id),
    name text collate "C" not null,
    status bigint not null,
    region bigint not null,
    tls_mode bigint not null,
    open_tracking bigint not null,
    click_tracking bigint not null,
    inbound_enabled bigint not null,
    catch_all bigint not null,
    custom_return_path text collate "C",
    tracking_domain text collate "C",
    bimi_logo_url text collate "C",
    rua_token text collate "C" not null unique,
    created_at bigint not null,
    updated_at bigint not null,
    verified_at bigint,
    last_checked_at bigint,
    next_check_at bigint not null,
    misses bigint not null default 0,
    missed_at bigint,
    ip_id bigint,
    claim_due bigint not null,
    report_messages_max bigint,
    accepted_reporters text collate "C",
    tags text collate "C",
    tls_token_hash bytea unique,
    tls_token_at bigint,
    thresholds text collate "C",
    failure_reports bigint not null default 0,
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
    domain_id bigint not null primary key,
    checks text collate "C" not null,
    own_networks text collate "C" not null
);

-- What the owner of a domain has decided about senders. kind: what subject is (store/decisions.rs). whose: null where only a
-- name is given.
create table sender_decisions (
    domain_id bigint not null,
    decision_id bigint not null,
    kind bigint not null,
    subject text collate "C" not null,
    whose bigint,
    name text collate "C",
    note text collate "C",
    decided_by text collate "C" not null,
    decided_at bigint not null,
    primary key (domain_id, decision_id)
);

-- Changes that the owner of a domain says they made. kind: what was changed (store/owner_changes.rs). service: the only service that
-- it is about.
create table owner_changes (
    domain_id bigint not null,
    change_id bigint not null,
    kind bigint not null,
    changed_at bigint not null,
    service text collate "C",
    note text collate "C",
    posted_by text collate "C" not null,
    posted_at bigint not null,
    primary key (domain_id, change_id)
);

-- What rules found about a domain, and told its owner (store/findings.rs): a row each time that something begins. Rules go on
-- from the newest row of a kind and subject. subject: what it is about, '' for the domain itself. is_open: whether it holds.
-- ended_at: null while it holds, and where nothing began: that is a state which later ones are compared with. told_at: when
-- an event was last written about the subject, 0 if none was. detail: what the rule remembers; data: what the event says, null
-- without one; both JSON. snoozed_until: no event is written before. snoozed_by, snoozed_at, snooze_note: who wanted that.
create table findings (
    domain_id bigint not null,
    finding_no bigint not null,
    kind bigint not null,
    subject text collate "C" not null,
    is_open bigint not null,
    opened_at bigint not null,
    ended_at bigint,
    told_at bigint not null,
    detail text collate "C" not null,
    data text collate "C",
    snoozed_until bigint,
    snoozed_by text collate "C",
    snoozed_at bigint,
    snooze_note text collate "C",
    primary key (domain_id, finding_no)
);
create index findings_by_subject on findings (domain_id, kind, subject, finding_no);
create index findings_snoozed on findings (domain_id, snoozed_until) where snoozed_until is not null;

-- The key that the mail of a domain is signed with. public_key: DER of the SubjectPublicKeyInfo (RFC 5280). sealed_key: the
-- private key, encrypted (domains/keyring.rs) with a key that is not in the database. selectors_made: how many selectors the domain has
-- been given; none is given twice.
create table dkim_keys (
    domain_id bigint not null primary key,
    selector text collate "C" not null,
    public_key bytea not null,
    sealed_key bytea not null,
    created_at bigint not null,
    selectors_made bigint not null
);

-- The other key of a domain that changes from one key to the next: until switched_at is set the one that signs next, then the one
-- that signed before, of which no private half is kept. published_at: when its record was first seen, with no look since that
-- missed it.
create table dkim_rotations (
    domain_id bigint not null primary key,
    selector text collate "C" not null,
    public_key bytea not null,
    sealed_key bytea,
    started_at bigint not null,
    published_at bigint,
    activates_after bigint,
    switched_at bigint,
    retire_after bigint
);

-- Addresses that only one account sends from.
create table ip_addresses (
    ip_id bigint primary key,
    account_id bigint not null references accounts (account_id),
    address text collate "C" not null unique,
    created_at bigint not null
);
create index ip_addresses_by_account on ip_addresses (account_id, ip_id);

create table api_keys (
    key_id bigint primary key,
    account_id bigint not null references accounts (account_id),
    name text collate "C" not null,
    permission bigint not null,
    domain_id bigint,
    prefix text collate "C" not null,
    hash bytea not null unique,
    created_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);
create index api_keys_by_account on api_keys (account_id, key_id);

-- Sign-ins of the web page, on every node. session_hash: SHA-256 of the token.
create table sessions (
    session_hash bytea not null primary key,
    key_id bigint not null,
    created_at bigint not null,
    until_at bigint not null
);
create index sessions_by_age on sessions (until_at);
-- The sessions of a key are counted when one is added.
create index sessions_by_key on sessions (key_id, created_at);

-- Requests with an Idempotency-Key, for 24 hours. scope: SHA-256 of the path of the route and that key. owner: the run that
-- answers it, until status is set. answer: sealed with what the client presented (keys.rs), which is not in the database.
create table idempotent_requests (
    key_id bigint not null,
    scope bytea not null,
    body_hash bytea not null,
    owner bytea not null,
    started_at bigint not null,
    status bigint,
    answer bytea,
    primary key (key_id, scope)
);
create index idempotent_requests_by_age on idempotent_requests (started_at);

-- Where an account is told of events: webhooks, channels of platforms and digests. kind: 0 for a webhook, 100 for a digest, else the
-- code of the platform (store/target.rs). name: of a channel or digest. domain_id: events of this domain alone, null for all. url: of a webhook.
-- events: words of store/events.rs with a space between them, or *. secret: of a webhook the one that signs, of a channel
-- its whole configuration, JSON, of a digest its address. previous_secret: signs too until previous_until. Both are sealed (domains/keyring.rs).
-- failures: attempts that failed in a row, the first of them at failing_since. last_at, last_status: of the last attempt,
-- status null without an answer. period, scope, told_day: of a digest; scope has the numbers of its domains, null for all, and
-- told_day is the first day of the newest period that was told of. waits_for_reader: 1 if it is off until its reader agrees.
create table targets (
    target_id bigint primary key,
    account_id bigint not null references accounts (account_id),
    kind bigint not null,
    name text collate "C",
    domain_id bigint,
    url text collate "C",
    events text collate "C" not null,
    active bigint not null,
    secret bytea not null,
    previous_secret bytea,
    previous_until bigint,
    rotated_at bigint,
    failures bigint not null,
    failing_since bigint,
    disabled_at bigint,
    disabled_reason text collate "C",
    waits_for_reader bigint not null,
    last_at bigint,
    last_status bigint,
    period bigint,
    scope text collate "C",
    told_day bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index targets_by_account on targets (account_id, target_id);

-- The outbox: an event for a target, written in the transaction of its cause. payload: the event, JSON. attempts:
-- since it was written or replayed last. next_at: when the next attempt is due, null where there is none. status: of the
-- last answer, null without one. response: the beginning of that answer, or why nothing was sent.
create table deliveries (
    delivery_id bigint primary key,
    target_id bigint not null,
    event_id text collate "C" not null,
    event text collate "C" not null,
    payload text collate "C" not null,
    attempts bigint not null,
    next_at bigint,
    delivered_at bigint,
    status bigint,
    response text collate "C",
    created_at bigint not null
);
create index deliveries_by_target on deliveries (target_id, delivery_id);
create index deliveries_due on deliveries (target_id, next_at) where next_at is not null;
create index deliveries_by_age on deliveries (created_at);

-- Whether the owner of an address agreed to mail of an account. address_hash: SHA-256 of the address (store/readers.rs).
-- confirmed_at: null until then. asked: the questions that were sent on the UTC day asked_day, the last with one. unanswered: those
-- that were sent since the day unanswered_since and not answered.
create table readers (
    account_id bigint not null references accounts (account_id),
    address_hash bytea not null,
    confirmed_at bigint,
    asked_day bigint not null,
    asked bigint not null,
    unanswered bigint not null,
    unanswered_since bigint not null,
    primary key (account_id, address_hash)
);

-- Feeds of the settings whose failure was told to their account (store/feeds.rs), until they are read again.
create table failing_feeds (
    account_id bigint not null references accounts (account_id),
    name text collate "C" not null,
    failing_since bigint not null,
    primary key (account_id, name)
);

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
    domain_id bigint not null,
    report_no bigint not null,
    content_key bytea not null,
    identity_key bytea not null,
    piece_key bytea,
    policy_key bytea,
    begin_at bigint not null,
    end_at bigint not null,
    counted bigint not null,
    acceptance bigint not null,
    sliced bigint not null,
    partial bigint not null,
    pass bigint not null,
    fail bigint not null,
    dkim_aligned bigint not null,
    spf_aligned bigint not null,
    none bigint not null,
    quarantine bigint not null,
    reject bigint not null,
    records bigint not null,
    records_kept bigint not null,
    records_since bigint,
    received_at bigint not null,
    authenticated bigint not null,
    arrivals bigint not null,
    warnings bigint not null,
    original_no bigint,
    org_key text collate "C" not null,
    org_name text collate "C",
    email text collate "C",
    report_id text collate "C" not null,
    policy text collate "C" not null,
    detail text collate "C" not null,
    provenance text collate "C",
    history text collate "C",
    primary key (domain_id, report_no)
);
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
    account_id bigint not null,
    identity_key bytea not null,
    content_key bytea not null,
    domain_id bigint not null,
    report_no bigint not null,
    policy bytea not null,
    primary key (account_id, identity_key, domain_id, report_no)
);
create index slices_by_content on slices (account_id, content_key);
create index slices_by_policy on slices (account_id, policy);

-- The records of a report, packed, up to 1,024 per row (store/records.rs).
create table records (
    domain_id bigint not null,
    report_no bigint not null,
    first_record bigint not null,
    content bytea not null,
    primary key (domain_id, report_no, first_record)
);

-- What the records of a report refer to: identifiers, authentication results and reasons, in blocks of about a page
-- (store/evidence.rs). A small report has its only block with its records.
create table evidence (
    domain_id bigint not null,
    report_no bigint not null,
    block bigint not null,
    content bytea not null,
    primary key (domain_id, report_no, block)
);

-- The mails of reports, under the number of the first report of the domain in each, so that they are stored in the order of
-- arrival. digest: the first half of the SHA-256 of the mail as received. unpacked_len: null where bytes are as received; else
-- bytes are raw DEFLATE, and this is the length as received (store/stored_bytes.rs). mail_keys: JSON, the key records of its
-- signatures as the DNS had them (store/proof.rs); null without any.
create table originals (
    domain_id bigint not null,
    report_no bigint not null,
    received_at bigint not null,
    digest bytea not null,
    unpacked_len bigint,
    mail_keys text collate "C",
    bytes bytea not null,
    primary key (domain_id, report_no)
);
create index originals_by_arrival on originals (domain_id, received_at);

-- The sums of a day. vouched: 1 for those of reports whose mail passed DMARC for the reporter, 0 for the others. A day on which
-- all reports are alike has one row.
create table daily_totals (
    domain_id bigint not null,
    day bigint not null,
    vouched bigint not null,
    pass bigint not null,
    fail bigint not null,
    dkim_aligned bigint not null,
    spf_aligned bigint not null,
    none bigint not null,
    quarantine bigint not null,
    reject bigint not null,
    reports bigint not null,
    primary key (domain_id, day, vouched)
);

-- The paths of a domain's messages (store/paths.rs), up to 16 per row. They are only added. block: 0 has the first.
create table paths (
    domain_id bigint not null,
    block bigint not null,
    content bytea not null,
    primary key (domain_id, block)
);

-- All sources of a day with their paths and totals, packed (store/rollup.rs): a question about a month reads thirty days. A day
-- has up to four parts, each of which may hold eight times as many entries as the one before. A report is merged into the
-- first; a part that overflows is merged into the next. slot: four times the day, plus the part.
create table daily_sources (
    domain_id bigint not null,
    slot bigint not null,
    sources bytea not null,
    primary key (domain_id, slot)
);

-- The messages of a day by reporter (kind 0: facet is the name that the reporter has for itself) and by signer (kind 1: facet
-- is the d= of the signature, detail its s=). reports and until_day are of kind 0 only: the number of windows that begin on
-- the day, and the last day of these windows.
create table daily_facets (
    domain_id bigint not null,
    kind bigint not null,
    day bigint not null,
    facet text collate "C" not null,
    detail text collate "C" not null,
    pass bigint not null,
    fail bigint not null,
    reports bigint not null,
    until_day bigint,
    primary key (domain_id, kind, day, facet, detail)
);

-- One row per distinct TLS report. Keys, counted, acceptance, authenticated and provenance are as in reports; its number is
-- from the same block, so that both kinds share originals. policy_domain: the domain that the report is about. failing: how
-- many of its policies have failures. details_since: as records_since; null once retention has dropped content. content: JSON of
-- store/tls/stored.rs.
create table tls_reports (
    domain_id bigint not null,
    report_no bigint not null,
    content_key bytea not null,
    identity_key bytea not null,
    policy_key bytea,
    begin_at bigint not null,
    end_at bigint not null,
    counted bigint not null,
    acceptance bigint not null,
    policies bigint not null,
    failing bigint not null,
    details_since bigint,
    received_at bigint not null,
    authenticated bigint not null,
    arrivals bigint not null,
    warnings bigint not null,
    original_no bigint,
    org_name text collate "C",
    contact text collate "C",
    report_id text collate "C" not null,
    policy_domain text collate "C" not null,
    provenance text collate "C",
    content text collate "C",
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
    domain_id bigint not null,
    kind bigint not null,
    day bigint not null,
    policy text collate "C" not null,
    subject text collate "C" not null,
    place text collate "C" not null,
    sender text collate "C" not null,
    successful bigint not null,
    failed bigint not null,
    reports bigint not null,
    primary key (domain_id, kind, day, policy, subject, place, sender)
);

-- One row per distinct failure report, with facts that hold no local part of an address. content_key, policy_key and
-- authenticated are as in reports; the number is from the same block. happened_at: when the mail that failed arrived at the
-- reporter, Unix seconds. source: the host that it came from. content: JSON of store/failures/stored.rs. texts: JSON of
-- report/failure/model.rs, null unless failure_reports of the domain says that header fields are kept.
create table failure_reports (
    domain_id bigint not null,
    report_no bigint not null,
    content_key bytea not null,
    policy_key bytea,
    happened_at bigint not null,
    received_at bigint not null,
    authenticated bigint not null,
    arrivals bigint not null,
    warnings bigint not null,
    incidents bigint not null,
    source text collate "C",
    reported_domain text collate "C" not null,
    header_from text collate "C",
    reporter text collate "C",
    failure text collate "C",
    delivery text collate "C",
    spf text collate "C",
    dkim text collate "C",
    content text collate "C" not null,
    texts text collate "C",
    primary key (domain_id, report_no)
);
create unique index failure_reports_by_content on failure_reports (domain_id, content_key);
create index failure_reports_by_policy on failure_reports (domain_id, policy_key) where policy_key is not null;
-- Lists and counts read this index.
create index failure_reports_by_time on failure_reports (domain_id, happened_at, report_no, source);
create index failure_reports_by_arrival on failure_reports (domain_id, received_at);

-- Messages that became no counted report. policy_domain is '' except for unclaimed reports. bytes_len: length as received.
create table set_aside (
    set_aside_id bigint primary key,
    account_id bigint not null,
    kind bigint not null,
    digest bytea not null,
    policy_domain text collate "C" not null,
    domain_id bigint,
    reason text collate "C" not null,
    detail text collate "C" not null,
    leaf text collate "C" not null,
    byte_offset bigint,
    origin text collate "C" not null,
    received_at bigint not null,
    arrivals bigint not null,
    bytes_len bigint not null,
    provenance text collate "C",
    unique (account_id, kind, digest, policy_domain)
);
create index set_aside_by_account on set_aside (account_id, set_aside_id);
create index set_aside_by_kind on set_aside (account_id, kind, set_aside_id);
create index set_aside_by_policy_domain on set_aside (account_id, kind, policy_domain);
create index set_aside_by_message on set_aside (account_id, digest);
create index set_aside_by_age on set_aside (received_at);

-- The bytes of messages set aside, once per account. digest, unpacked_len and bytes are as in originals.
create table set_aside_messages (
    account_id bigint not null,
    digest bytea not null,
    unpacked_len bigint,
    bytes bytea not null,
    primary key (account_id, digest)
);

-- How much mail of unknown senders was set aside or held on a UTC day, and how much of what was posted was kept. vouched: the code
-- of what is counted (store/commit/quota.rs). domain_id: the domain that was posted to; 0 for mail, which is counted by account.
create table set_aside_days (
    day bigint not null,
    account_id bigint not null,
    vouched bigint not null,
    domain_id bigint not null,
    messages bigint not null,
    bytes bigint not null,
    primary key (day, account_id, vouched, domain_id)
);

-- Refused mail per account, UTC day and reason, for the owner of the account.
create table refused_days (
    account_id bigint not null,
    day bigint not null,
    reason text collate "C" not null,
    messages bigint not null,
    bytes bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    primary key (account_id, day, reason)
);
create index refused_days_by_day on refused_days (day);

-- What DNS has as the names of sending addresses: a cache of the whole installation, for people who read (store/addresses.rs).
-- address: 4 or 16 bytes. state: null before the first answer. name: only if it leads back to the address. ask_at: not asked
-- before. tries: questions without an answer since the last one. turn: null unless the address waits to be asked; small
-- numbers come first. change_no: the value of the counter "addresses" at the last answer, 0 before; what has the smallest is
-- dropped first.
create table addresses (
    address bytea not null primary key,
    state bigint,
    name text collate "C",
    asked_at bigint,
    ask_at bigint not null,
    tries bigint not null,
    turn bigint,
    change_no bigint not null
);
create index addresses_waiting on addresses (turn, ask_at) where turn is not null;
create index addresses_by_change on addresses (change_no);

-- A mailbox that is read over IMAP. Every message with a UID up to settled_uid is settled, except those with a row in
-- mailbox_items.
create table mailboxes (
    source text collate "C" not null primary key,
    uid_validity bigint not null,
    since_day bigint not null,
    settled_uid bigint not null
);

-- One message of a mailbox, one object of a bucket, or one file of a Maildir or folder. item: a UID, the id of the message, key
-- and ETag of the object, or the name of the file without its folder and flags. state: 0 to be read again, 1 settled and left in place, 2 committed and to be moved to processed, 3 to failed.
create table mailbox_items (
    source text collate "C" not null,
    item text collate "C" not null,
    state bigint not null,
    attempts bigint not null,
    primary key (source, item)
);

-- These values are packed: PostgreSQL spends no time on packing them again.
alter table records alter column content set storage external;
alter table originals alter column bytes set storage external;
alter table daily_sources alter column sources set storage external;
alter table paths alter column content set storage external;
alter table set_aside_messages alter column bytes set storage external;
