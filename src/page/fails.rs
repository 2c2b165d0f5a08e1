//! What fails on a domain's page: each sender with the reason and what to do, then what is nobody's to fix.

use maud::{Markup, html};

use super::glossary::term;
use super::numbers::{counted, grouped};
use super::parts::hostile;
use super::query::{Asked, RANGE};
use super::senders::service_link;
use crate::api::{FailingBody, ReadinessBody};

/// Senders that are listed; the others are in the list of services.
const FEW: usize = 8;

/// The card, for days with messages.
pub(super) fn card(view: &str, asked: &Asked, found: &ReadinessBody) -> Markup {
    let FailingBody {
        to_fix,
        forwarded,
        unknown,
        not_ours,
    } = &found.failing;
    let all = [to_fix, forwarded, unknown, not_ours];
    let all = all.iter().fold(0_u64, |sum, count| sum.saturating_add(**count));
    html! {
        section #fails .card aria-labelledby="what-fails" {
            div .head {
                h2 #what-fails { "What fails, and why" }
                a .small href=(format!("{view}/sources{}", asked.with(&RANGE, &[("show", "to_fix")]))) { "All senders to fix" }
            }
            @if all == 0 {
                p .calm { "Nothing: every message of these days passed." }
            } @else {
                @if found.to_fix.is_empty() { p .calm { "Nothing to fix: no sender of yours fails." } }
                @else { (senders(view, asked, found)) }
                (others(view, asked, &found.failing))
                p .small { "You changed something? " a href=(format!("{view}/receipts{}", asked.only(&RANGE))) { "See which reporters confirm it" } "." }
            }
        }
    }
}

/// Senders with mail to fix: how many messages, why, and what to do.
fn senders(view: &str, asked: &Asked, found: &ReadinessBody) -> Markup {
    html! {
        ul .fails { @for one in found.to_fix.iter().take(FEW) { li {
            b .num { (grouped(one.messages)) }
            div {
                @match &one.service {
                    Some(name) => { b { a href=(service_link(view, asked, name)) { (hostile(name)) } } }
                    None => { b { "A sender without a name" } }
                }
                p { (hostile(&one.says)) }
            }
        } } }
        @if found.to_fix_total as usize > FEW {
            p .small { a href=(format!("{view}/sources{}", asked.with(&RANGE, &[("show", "to_fix")]))) {
                "All " (counted(found.to_fix_total, "sender", "senders")) " to fix"
            } }
        }
    }
}

/// Failing messages that no record of the owner makes pass.
fn others(view: &str, asked: &Asked, failing: &FailingBody) -> Markup {
    let list = |show: &str| format!("{view}/sources{}", asked.with(&RANGE, &[("show", show)]));
    html! {
        @if failing.forwarded > 0 {
            p .small { a href=(list("forwarded")) { (counted(failing.forwarded, "message was", "messages were")) " passed on" }
                " by a forwarder or mailing list. There is nothing to fix." }
        }
        @if failing.unknown > 0 {
            p .small { a href=(list("unknown")) { (counted(failing.unknown, "message is", "messages are")) " of unknown senders" }
                ". They may be forged: a stricter " (term("policy", "policy")) " keeps them out. If you know a sender, say that it is yours." }
        }
        @if failing.not_ours > 0 {
            p .small { (counted(failing.not_ours, "message is", "messages are")) " of senders that you decided are not yours." }
        }
    }
}
