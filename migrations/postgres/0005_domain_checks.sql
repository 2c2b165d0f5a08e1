-- When a domain's DNS is looked at next, and how often in a row it was found wanting while the domain was verified: misses,
-- the last of which was counted at missed_at. ip_id: the dedicated address it sends from.
alter table domains add column next_check_at bigint not null default 0;
alter table domains add column misses bigint not null default 0;
alter table domains add column missed_at bigint;
alter table domains add column ip_id bigint;
create index domains_by_next_check on domains (account_id, next_check_at, domain_id);
create index domains_by_ip on domains (ip_id);

-- checks: what was found of each record, JSON of store/checks.rs; written as a whole, a row a domain.
create table domain_checks (
    domain_id bigint not null primary key,
    checks text collate "C" not null
);

-- The key that a domain's mail is signed with. public_key: DER of RFC 5280's SubjectPublicKeyInfo. sealed_key: the private
-- key, encrypted (domains/keyring.rs); what it is encrypted with is not in the database.
create table dkim_keys (
    domain_id bigint not null primary key,
    selector text collate "C" not null,
    public_key bytea not null,
    sealed_key bytea not null,
    created_at bigint not null
);

-- Addresses that only one account sends from.
create table ip_addresses (
    ip_id bigint primary key,
    account_id bigint not null references accounts (account_id),
    address text collate "C" not null unique,
    created_at bigint not null
);
create index ip_addresses_by_account on ip_addresses (account_id, ip_id);
insert into counters (name, value) values ('ip', 1);
