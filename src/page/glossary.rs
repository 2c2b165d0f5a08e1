//! The words of the page, explained: all on one page, and each where it stands.

use maud::{Markup, html};

use super::layout::{Place, page};
use super::visitor::Visitor;

/// A word with an id, and what it means.
type Term = (&'static str, &'static str, &'static str);

const TERMS: [Term; 22] = [
    (
        "aligned",
        "Aligned",
        "DKIM or SPF passed for the domain in the From line, and not just for any domain. Only an aligned pass counts for DMARC.",
    ),
    (
        "authentic",
        "Authentic",
        "The mail that brought a report passed DMARC for the organisation of the reporter. What is not authentic may come from anyone.",
    ),
    (
        "disposition",
        "Disposition",
        "What a receiver did with a message: delivered it as usual, put it into spam (quarantine), or refused it (reject).",
    ),
    (
        "dkim",
        "DKIM",
        "A signature in the message. The sender's server adds it, and receivers check it with a key in the DNS of the signing domain. It survives forwarding.",
    ),
    (
        "dmarc",
        "DMARC",
        "The rule that mail in a domain's name must pass DKIM or SPF for that domain. The record in DNS says what receivers do with other mail, and where they send reports.",
    ),
    (
        "fail",
        "Fail",
        "Neither DKIM nor SPF was aligned. The policy applies to these messages.",
    ),
    (
        "held",
        "Held",
        "A report that does not count until you accept it, because nothing vouches for its sender or its figures are not plausible.",
    ),
    (
        "pass",
        "Pass",
        "DKIM or SPF was aligned: the message counts as the domain's own.",
    ),
    (
        "pending",
        "Pending",
        "The DNS records of the domain were not found yet, or not all of them.",
    ),
    (
        "policy",
        "Policy",
        "The tag p= of the DMARC record: none (deliver failing mail and only report it), quarantine (put it into spam) or reject (refuse it).",
    ),
    (
        "quarantine",
        "Quarantine",
        "Mail that arrived here and could not be read as a report. It is kept with the reason.",
    ),
    (
        "report",
        "Report",
        "What a receiver sends once a day: how many messages in the domain's name it got, from which addresses, and whether they passed.",
    ),
    (
        "reporter",
        "Reporter",
        "The organisation that sends reports, such as a mailbox provider.",
    ),
    (
        "selector",
        "Selector",
        "The name of a DKIM key of a domain. A domain has several, mostly one for each service.",
    ),
    (
        "service",
        "Service",
        "A company or system that sends mail for others, or receives it for you and passes it on. Its addresses are shown together.",
    ),
    (
        "silent",
        "Silent",
        "A reporter or domain of which regular reports have stopped.",
    ),
    ("source", "Source", "An IP address that sent mail in the domain's name."),
    (
        "spf",
        "SPF",
        "A list in DNS of the servers that may send mail for a domain. It does not survive forwarding.",
    ),
    (
        "unclaimed",
        "Unclaimed",
        "A report about a domain that you have not added. It waits, and counts as soon as you add the domain.",
    ),
    (
        "verified",
        "Verified",
        "All DNS records that the domain needs for its reports were found.",
    ),
    (
        "flow",
        "Way",
        "How a message came: directly from the domain's own servers, through a service, through a mailing list or a forwarder, or unknown.",
    ),
    (
        "window",
        "Window",
        "The time that a report covers, mostly a day in UTC.",
    ),
];

/// `GET /glossary`
pub(super) async fn show(visitor: Visitor) -> Markup {
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/" { "Domains" } }
        div .head { h1 { "Words on these pages" } }
        section .card aria-labelledby="words" {
            h2 #words .hidden { "Words" }
            dl .glossary {
                @for (id, title, meaning) in TERMS { div #(id) { dt { (title) } dd { (meaning) } } }
            }
        }
    };
    page(&visitor, Place::Glossary, "Words", content)
}

/// A text that leads to its explanation, which is also shown under the pointer and where the keyboard stands.
///
/// # Panics
/// If the glossary does not have the id.
pub(super) fn term(id: &str, text: &str) -> Markup {
    let found = TERMS.iter().find(|(other, ..)| *other == id);
    let (_, _, meaning) = found.expect("a word of the glossary");
    html! { a .term href=(format!("/glossary#{id}")) title=(meaning) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_an_order_and_ids_of_their_own() {
        let titles: Vec<_> = TERMS.iter().map(|(_, title, _)| title.to_lowercase()).collect();
        assert!(titles.is_sorted(), "{titles:?}");
        let mut ids: Vec<_> = TERMS.iter().map(|(id, ..)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), TERMS.len());
        for (id, title, meaning) in TERMS {
            assert!(id.bytes().all(|byte| byte.is_ascii_lowercase()), "{id}");
            assert!(meaning.ends_with('.') && !title.is_empty(), "{id}");
        }
    }
}
