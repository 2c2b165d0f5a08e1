-- A report belongs to the closest domain of its account at or above its policy domain (store/belonging.rs).
-- policy_key: the policy domain with its labels turned round (com.example.mail.), null where it is the row's own domain.
-- piece_key: by what a text without a report id is known when it comes cut off, and whole; null where there is an id.
-- sliced: 1 where the row holds only those records of its text that are about a domain below the policy domain.
alter table reports add column policy_key bytea;
alter table reports add column piece_key bytea;
alter table reports add column sliced bigint not null default 0;
create index reports_by_policy on reports (domain_id, policy_key) where policy_key is not null;
create index reports_by_piece on reports (domain_id, piece_key) where piece_key is not null;
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

-- 1 until what waited for the domain has been counted once.
alter table domains add column claim_due bigint not null default 1;
create index domains_to_claim on domains (account_id, domain_id) where claim_due = 1;

-- Reports of before are put where they belong when the database is opened next; messages that were misaddressed by the
-- rule of before are read again once, up to this number.
insert into counters (name, value) values ('belonging_missing', 1),
    ('misaddressed_before', (select coalesce(max(set_aside_id), 0) from set_aside));
