-- The whole schema. Instants are unix milliseconds, days are UTC days since 1970, codes are those of the crate's enums.
-- Names and columns are those of the other databases; texts are compared by their bytes, as there.
-- Every table below domains starts its keys with domain_id: a domain's rows lie together.

create table counters (
    name text collate "C" not null primary key,
    value bigint not null
);

-- Blocks of numbers are taken from these; domains_version grows with every change to which domains there are.
insert into counters (name, value) values ('account', 1), ('key', 1), ('domain', 1), ('report', 1), ('evidence', 1),
    ('set_aside', 1), ('domains_version', 1);

create table accounts (
    account_id bigint primary key,
    name text collate "C" not null unique,
    mode bigint not null,
    created_at bigint not null
);

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
    unique (account_id, name)
);

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
-- Mail to a registered domain itself is looked up by the domain's name, over all accounts.
create index domains_by_name on domains (name);

create index api_keys_by_account on api_keys (account_id, key_id);

-- One row a distinct report. counted is 0 for the loser of a conflict: kept, but in no sum. provenance: JSON of
-- store/provenance.rs, null where the report came without an envelope.
create table reports (
    domain_id bigint not null,
    report_no bigint not null,
    content_key bytea not null,
    identity_key bytea not null,
    begin_at bigint not null,
    end_at bigint not null,
    counted bigint not null,
    pass bigint not null,
    fail bigint not null,
    dkim_aligned bigint not null,
    spf_aligned bigint not null,
    none bigint not null,
    quarantine bigint not null,
    reject bigint not null,
    records bigint not null,
    records_kept bigint not null,
    received_at bigint not null,
    authenticated bigint not null,
    arrivals bigint not null,
    warnings bigint not null,
    partial bigint not null,
    org_key text collate "C" not null,
    org_name text collate "C",
    email text collate "C",
    report_id text collate "C" not null,
    policy text collate "C" not null,
    detail text collate "C" not null,
    original_digest bytea,
    provenance text collate "C",
    primary key (domain_id, report_no)
);
create unique index reports_by_content on reports (domain_id, content_key);
create index reports_by_identity on reports (domain_id, identity_key);
create index reports_by_age on reports (domain_id, records_kept, begin_at);
create index reports_by_begin on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key);

-- What records refer to: identifiers, authentication results and reasons, once a domain. content: store/evidence.rs.
create table evidence (
    domain_id bigint not null,
    evidence_id bigint not null,
    evidence_key bytea not null,
    content bytea not null,
    primary key (domain_id, evidence_id)
);
create unique index evidence_by_key on evidence (domain_id, evidence_key);

-- An IPv4 address is the signed 32 bits of source_low with source_high null, an IPv6 address both halves; both are null
-- where the report has no readable one. verdict: the bits of report/verdict.rs.
create table records (
    domain_id bigint not null,
    report_no bigint not null,
    seq bigint not null,
    source_high bigint,
    source_low bigint,
    messages bigint not null,
    verdict bigint not null,
    evidence_id bigint not null,
    primary key (domain_id, report_no, seq)
);

create table daily_totals (
    domain_id bigint not null,
    day bigint not null,
    pass bigint not null,
    fail bigint not null,
    dkim_aligned bigint not null,
    spf_aligned bigint not null,
    none bigint not null,
    quarantine bigint not null,
    reject bigint not null,
    reports bigint not null,
    primary key (domain_id, day)
);

-- sources: every source address of that day with its totals, packed (store/rollup.rs), so that a question about
-- a month reads thirty rows.
create table daily_sources (
    domain_id bigint not null,
    day bigint not null,
    sources bytea not null,
    primary key (domain_id, day)
);

create table originals (
    domain_id bigint not null,
    digest bytea not null,
    received_at bigint not null,
    bytes bytea not null,
    primary key (domain_id, digest)
);
create index originals_by_age on originals (domain_id, received_at);

-- Messages that became no counted report. policy_domain is '' but for unclaimed reports.
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
create index set_aside_by_policy_domain on set_aside (account_id, kind, policy_domain);
create index set_aside_by_message on set_aside (account_id, digest);
create index set_aside_by_age on set_aside (received_at);

create table set_aside_messages (
    account_id bigint not null,
    digest bytea not null,
    bytes bytea not null,
    primary key (account_id, digest)
);

-- These bytes are packed already: no time is spent on packing them again.
alter table daily_sources alter column sources set storage external;
alter table originals alter column bytes set storage external;
alter table set_aside_messages alter column bytes set storage external;
