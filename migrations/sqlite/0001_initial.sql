-- The whole schema. Instants are unix milliseconds, days are UTC days since 1970, codes are those of the crate's enums.
-- Every table below domains starts its keys with domain_id: a domain's rows lie together.

create table counters (
    name text not null primary key,
    value integer not null
) without rowid;

-- Blocks of numbers are taken from these; domains_version grows with every change to which domains there are.
insert into counters (name, value) values ('account', 1), ('key', 1), ('domain', 1), ('report', 1), ('evidence', 1),
    ('set_aside', 1), ('domains_version', 1);

create table accounts (
    account_id integer primary key,
    name text not null unique,
    mode integer not null,
    created_at integer not null
);

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
    unique (account_id, name)
);

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
-- Mail to a registered domain itself is looked up by the domain's name, over all accounts.
create index domains_by_name on domains (name);

create index api_keys_by_account on api_keys (account_id, key_id);

-- One row a distinct report. counted is 0 for the loser of a conflict: kept, but in no sum. provenance: JSON of
-- store/provenance.rs, null where the report came without an envelope.
create table reports (
    domain_id integer not null,
    report_no integer not null,
    content_key blob not null,
    identity_key blob not null,
    begin_at integer not null,
    end_at integer not null,
    counted integer not null,
    pass integer not null,
    fail integer not null,
    dkim_aligned integer not null,
    spf_aligned integer not null,
    none integer not null,
    quarantine integer not null,
    reject integer not null,
    records integer not null,
    records_kept integer not null,
    received_at integer not null,
    authenticated integer not null,
    arrivals integer not null,
    warnings integer not null,
    partial integer not null,
    org_key text not null,
    org_name text,
    email text,
    report_id text not null,
    policy text not null,
    detail text not null,
    original_digest blob,
    provenance text,
    primary key (domain_id, report_no)
) without rowid;
create unique index reports_by_content on reports (domain_id, content_key);
create index reports_by_identity on reports (domain_id, identity_key);
create index reports_by_age on reports (domain_id, records_kept, begin_at);
create index reports_by_begin on reports (domain_id, counted, begin_at, report_no, pass, fail, org_key);

-- What records refer to: identifiers, authentication results and reasons, once a domain. content: store/evidence.rs.
create table evidence (
    domain_id integer not null,
    evidence_id integer not null,
    evidence_key blob not null,
    content blob not null,
    primary key (domain_id, evidence_id)
) without rowid;
create unique index evidence_by_key on evidence (domain_id, evidence_key);

-- An IPv4 address is the signed 32 bits of source_low with source_high null, an IPv6 address both halves; both are null
-- where the report has no readable one. verdict: the bits of report/verdict.rs.
create table records (
    domain_id integer not null,
    report_no integer not null,
    seq integer not null,
    source_high integer,
    source_low integer,
    messages integer not null,
    verdict integer not null,
    evidence_id integer not null,
    primary key (domain_id, report_no, seq)
) without rowid;

create table daily_totals (
    domain_id integer not null,
    day integer not null,
    pass integer not null,
    fail integer not null,
    dkim_aligned integer not null,
    spf_aligned integer not null,
    none integer not null,
    quarantine integer not null,
    reject integer not null,
    reports integer not null,
    primary key (domain_id, day)
) without rowid;

-- sources: every source address of that day with its totals, packed (store/rollup.rs), so that a question about
-- a month reads thirty rows.
create table daily_sources (
    domain_id integer not null,
    day integer not null,
    sources blob not null,
    primary key (domain_id, day)
);

create table originals (
    domain_id integer not null,
    digest blob not null,
    received_at integer not null,
    bytes blob not null,
    primary key (domain_id, digest)
);
create index originals_by_age on originals (domain_id, received_at);

-- Messages that became no counted report. policy_domain is '' but for unclaimed reports.
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
create index set_aside_by_policy_domain on set_aside (account_id, kind, policy_domain);
create index set_aside_by_message on set_aside (account_id, digest);
create index set_aside_by_age on set_aside (received_at);

create table set_aside_messages (
    account_id integer not null,
    digest blob not null,
    bytes blob not null,
    primary key (account_id, digest)
);
