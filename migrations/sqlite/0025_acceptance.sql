-- Whether a report may count (store/trust.rs). acceptance: 0 it may; 1 held, the mail that carried it passed no check; 2 held,
-- more messages than the domain's limit; 3 discounted and 4 accepted by the owner. counted stays what the sums have.
-- history: what owners decided, JSON, null where nothing was.
alter table reports add column acceptance integer not null default 0;
alter table reports add column history text;
create index reports_by_acceptance on reports (domain_id, acceptance, begin_at, report_no, pass, fail, org_key)
    where acceptance <> 0;

-- report_messages_max: null is the installation's. accepted_reporters: whose reports count whatever carried them, JSON.
alter table domains add column report_messages_max integer;
alter table domains add column accepted_reporters text;
