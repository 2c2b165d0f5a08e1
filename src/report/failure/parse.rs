//! From the parts of a mail to a report.

use super::fields::Fields;
use super::keys::content_key;
use super::model::{AuthResult, Form, Parsed, Parts, Report, Signature, Texts};
use super::results::{hop, results, signature};
use super::values::{address, agent, date, domain, domain_or_name, domains, name, selector, word};
use super::{plain, values};
use crate::report::aggregate::WarningKind::{self, NotANumber, OddDate, OddSourceIp, UnknownWord};
use crate::report::aggregate::Warnings;

/// Results, signatures, hosts and domains of a report.
const LISTED_MAX: usize = 40;
/// Fields that hold the mail itself: never kept.
const OF_THE_MAIL: [&str; 2] = ["dkim-canonicalized-body", "dkim-canonicalized-header"];
/// The largest number of mails that one report may stand for.
const INCIDENTS_MAX: u64 = 1_000_000_000;

/// Reads a report. Nothing in it is an error: what cannot be read is missing, with a warning.
pub fn parse(parts: &Parts<'_>) -> Parsed {
    let mut warnings = Warnings::default();
    let (fields, copied) = match parts.form {
        Form::Arf => (Fields::read(parts.text, "fields", &mut warnings), None),
        Form::Plain => {
            let (fields, copied) = plain::read(parts.text, &mut warnings);
            (fields, Some(copied).filter(|copied| !copied.is_empty()))
        }
    };
    let copy = copied.as_deref().or(parts.copy).unwrap_or_default();
    let header = Fields::read(copy, "header", &mut warnings);
    let mail = Fields::read(parts.mail, "mail", &mut Warnings::default());
    let mut report = of_fields(&fields, &mut warnings);
    add_header(&mut report, &header);
    report.reporter = mail.first("from").and_then(domain);
    report.happened_at = report
        .happened_at
        .or_else(|| mail.first("date").and_then(date))
        .or(report.dated);
    if report.domain.is_empty()
        && let Some(author) = report.header_from.clone()
    {
        warnings.add(WarningKind::Inferred, "reported-domain", None);
        report.domain = author;
    }
    for (is_missing, what) in [
        (report.domain.is_empty(), "reported-domain"),
        (report.source.is_none(), "source-ip"),
        (header.is_empty(), "header"),
    ] {
        if is_missing {
            warnings.add(WarningKind::Missing, what, None);
        }
    }
    Parsed {
        content: content_key(&report.domain, parts, mail.first("message-id")),
        texts: texts(&fields, &header),
        report,
        warnings,
    }
}

/// What the fields of the report say.
fn of_fields(fields: &Fields, warnings: &mut Warnings) -> Report {
    let about = fields.only("reported-domain", warnings).and_then(domain_or_name);
    let port = fields.only("source-port", warnings);
    let mta = fields.only("reporting-mta", warnings);
    let incidents = |text: &str| {
        let count = text.trim().parse::<u64>().ok();
        count.filter(|count| (1..=INCIDENTS_MAX).contains(count))
    };
    let mut report = Report {
        domain: about.unwrap_or_default(),
        source_port: port.and_then(|port| port.trim().parse().ok()),
        reporting_mta: mta.and_then(|mta| name(mta.rsplit(';').next()?)),
        agent: fields.only("user-agent", warnings).and_then(agent),
        // Without an `@` it may be a local part alone.
        mail_from: fields.only("original-mail-from", warnings).and_then(domain),
        happened_at: value(fields, warnings, ["arrival-date", "received-date"], OddDate, date),
        failure: value(fields, warnings, ["auth-failure", ""], UnknownWord, word),
        delivery: value(
            fields,
            warnings,
            ["delivery-result", "dmarc-results"],
            UnknownWord,
            last_word,
        ),
        source: value(fields, warnings, ["source-ip", ""], OddSourceIp, address),
        incidents: value(fields, warnings, ["incidents", ""], NotANumber, incidents).unwrap_or(1),
        ..Report::default()
    };
    add_results(&mut report, fields);
    add_signatures(&mut report, fields);
    report
}

/// What `read` makes of a field, which has one of two names. If it makes nothing of it, that is a warning of this kind.
fn value<T>(
    fields: &Fields,
    warnings: &mut Warnings,
    names: [&str; 2],
    kind: WarningKind,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let [first, second] = names;
    let text = fields.only(first, warnings).or_else(|| fields.first(second))?;
    let value = read(text);
    if value.is_none() {
        warnings.add(kind, first, None);
    }
    value
}

/// Recipients, authentication results and alignment.
fn add_results(report: &mut Report, fields: &Fields) {
    let recipients = fields.all("original-rcpt-to").take(LISTED_MAX);
    recipients.for_each(|one| add_all(&mut report.rcpt_to, domains(one)));
    for value in fields.all("authentication-results").take(LISTED_MAX) {
        add_all(&mut report.results, results(value));
    }
    for (method, field) in [("spf", "spf-alignment"), ("dkim", "dkim-alignment")] {
        let is_aligned = fields.first(field).and_then(word);
        if is_aligned.is_some_and(|word| &*word == "yes") {
            report.alignment.push(method.into());
        }
    }
    if let Some(words) = fields.first("identity-alignment") {
        let words = values::without_comments(words);
        add_all(&mut report.alignment, words.split(',').filter_map(word).collect());
    }
}

/// The signatures that the report is about. `DKIM-Domain` may list several domains.
fn add_signatures(report: &mut Report, fields: &Fields) {
    let key = fields.first("dkim-selector").and_then(selector);
    let listed = fields.first("dkim-domain").unwrap_or_default();
    let identity = fields.first("dkim-identity").and_then(domain);
    let named: Vec<_> = listed.split([';', ',']).filter_map(name).take(LISTED_MAX).collect();
    let named = if named.is_empty() {
        identity.into_iter().collect()
    } else {
        named
    };
    let signature = |domain| Signature {
        domain: Some(domain),
        selector: key.clone(),
    };
    add_all(&mut report.signatures, named.into_iter().map(signature).collect());
}

/// What the header of the mail that failed says.
fn add_header(report: &mut Report, header: &Fields) {
    report.header_from = header.first("from").and_then(domain);
    report.dated = header.first("date").and_then(date);
    report.message_id = header.first("message-id").and_then(domain);
    report.list_id = header.first("list-id").and_then(|id| name(id.rsplit('<').next()?));
    let return_path = header.first("return-path").and_then(domain);
    report.mail_from = report.mail_from.take().or(return_path);
    for value in header.all("to").chain(header.all("cc")).take(LISTED_MAX) {
        add_all(&mut report.to, domains(value));
    }
    for value in header.all("reply-to").take(LISTED_MAX) {
        add_all(&mut report.reply_to, domains(value));
    }
    for value in header.all("authentication-results").take(LISTED_MAX) {
        let copied = |result| AuthResult { copied: true, ..result };
        let said = results(value).into_iter().map(copied);
        let is_new = |new: &AuthResult| {
            let same =
                |old: &AuthResult| (&old.method, &old.result, &old.domain) == (&new.method, &new.result, &new.domain);
            !report.results.iter().any(same)
        };
        let said: Vec<_> = said.filter(is_new).collect();
        add_all(&mut report.results, said);
    }
    let signed = header.all("dkim-signature").take(LISTED_MAX);
    add_all(&mut report.signatures, signed.filter_map(signature).collect());
    report.hops = header.all("received").take(LISTED_MAX).filter_map(hop).collect();
    if report.header_from.is_none() {
        let by_results = report.results.iter().find(|one| &*one.method == "dmarc");
        report.header_from = by_results.and_then(|one| one.domain.clone());
    }
}

/// Exim says `None, Accept`.
fn last_word(text: &str) -> Option<Box<str>> {
    word(text.split(',').next_back()?)
}

/// Adds what is new, as long as there is room.
fn add_all<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if list.len() < LISTED_MAX && !list.contains(&one) {
            list.push(one);
        }
    }
}

fn texts(fields: &Fields, header: &Fields) -> Texts {
    let is_kept = |(name, _): &&(String, String)| !OF_THE_MAIL.contains(&&**name);
    Texts {
        fields: fields.iter().filter(is_kept).cloned().collect(),
        header: header.iter().filter(is_kept).cloned().collect(),
    }
}
