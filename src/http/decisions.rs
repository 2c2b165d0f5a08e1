//! `/domains/{id}/dmarc/decisions`: what the owner of a domain decided about senders.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::client::Client;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::{OwnedDecision, OwnedDomain};
use super::ranked::Listed;
use super::state::AppState;
use super::trust::actor;
use crate::api::{
    OWN_NAME_CHARS_MAX, Removed, SUBJECT_CHARS_MAX, SUBJECT_KINDS, SenderDecisionBody, SenderDecisionList,
    WHY_CHARS_MAX,
};
use crate::base::clock::format_instant;
use crate::base::{DecisionId, DomainName, Network};
use crate::store::{Decided, Ruling, SenderDecision, Subject, Whose};
use crate::tally::kept_part;

/// `GET /domains/{id}/dmarc/decisions`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listed = Listed::read(&mut parameters, &state);
    parameters.finish()?;
    let decisions = state.store.sender_decisions(domain.id).await?;
    let list = SenderDecisionList {
        pagination: listed.part.pagination(decisions.len()),
        decisions: listed
            .part
            .cut(&decisions)
            .iter()
            .map(SenderDecisionBody::from)
            .collect(),
    };
    Ok(listed.answer(list, &domain, ("decisions", &state.today().to_string())))
}

/// `POST /domains/{id}/dmarc/decisions`
pub(super) async fn decide(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<SenderDecisionBody>, ApiError> {
    let Input { subject, ruling, note } = read(members)?;
    let actor = actor(&state, client, note).await?;
    let place = (domain.account, domain.id);
    let id = match state.store.decide_sender(place, &subject, &ruling, &actor).await? {
        Decided::Done(id) => id,
        Decided::Missing => return Err(ApiError::not_found("Domain")),
        Decided::Full => {
            return Err(ApiError::conflict(
                "No more decisions can be made for this domain: remove others first",
            ));
        }
    };
    let decision = SenderDecision {
        id,
        subject,
        ruling,
        actor,
    };
    Ok(Json(SenderDecisionBody::from(&decision)))
}

/// `DELETE /domains/{id}/dmarc/decisions/{decision_id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedDecision(domain, number): OwnedDecision,
) -> Result<Json<Removed>, ApiError> {
    let place = (domain.account, domain.id);
    if !state.store.withdraw_decision(place, DecisionId(number)).await? {
        return Err(ApiError::not_found("Decision"));
    }
    Ok(Json(Removed { deleted: true }))
}

struct Input {
    subject: Subject,
    ruling: Ruling,
    note: Option<String>,
}

/// Reads the body of [`crate::api::SenderDecisionInput`].
fn read(mut members: Members) -> Result<Input, ApiError> {
    let kind = members.required_word("kind", &SUBJECT_KINDS, |word| word);
    let subject = members.required_plain_text("subject", SUBJECT_CHARS_MAX);
    let whose = members.word("decision", Whose::ALL, Whose::word);
    let name = members.plain_text("name", OWN_NAME_CHARS_MAX);
    let note = members.plain_text("note", WHY_CHARS_MAX);
    let subject = kind.zip(subject).and_then(|(kind, text)| {
        let subject = subject_of(kind, text.trim());
        subject.map_err(|error| members.refuse("subject", error)).ok()
    });
    if name.is_some() && kind.is_some_and(|kind| kind != "network") {
        members.refuse("name", "can only be given to a network");
    }
    if whose.is_none() && name.is_none() && !members.is_refused() {
        members.refuse("decision", "is required, unless a network gets a name");
    }
    members.finish()?;
    Ok(Input {
        subject: subject.ok_or_else(ApiError::internal)?,
        ruling: Ruling { whose, name },
        note,
    })
}

/// The subject of a decision; the error is the rest of a sentence.
fn subject_of(kind: &str, text: &str) -> Result<Subject, String> {
    match kind {
        "service" => Ok(Subject::Service(text.to_owned())),
        "mail_from" => {
            let name = DomainName::parse(text).map_err(|error| error.to_string())?;
            // Of longer names no more is kept than this.
            let kept = kept_part(name.as_str());
            if kept != name.as_str() {
                return Err(format!("says more than is known of MAIL FROM domains; write {kept}"));
            }
            Ok(Subject::MailFrom(name.to_string()))
        }
        _ => match text.parse::<Network>() {
            Ok(network) if network.bits() == 0 => Err("must not be the whole Internet".to_owned()),
            Ok(network) => Ok(Subject::Network(network)),
            Err(error) => Err(error.to_string()),
        },
    }
}

impl From<&SenderDecision> for SenderDecisionBody {
    fn from(decision: &SenderDecision) -> Self {
        let SenderDecision {
            id,
            subject,
            ruling,
            actor,
        } = decision;
        let (kind, subject) = match subject {
            Subject::Service(name) => ("service", name.clone()),
            Subject::MailFrom(name) => ("mail_from", name.clone()),
            Subject::Network(network) => ("network", network.to_string()),
        };
        Self {
            id: id.0,
            kind: kind.into(),
            subject,
            decision: ruling.whose.map(|whose| whose.word().into()),
            name: ruling.name.clone(),
            note: actor.why.clone(),
            by: actor.by.clone(),
            decided_at: format_instant(actor.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::WHOSE;

    #[test]
    fn documented_words_are_the_words() {
        assert!(Whose::ALL.iter().map(|whose| whose.word()).eq(WHOSE));
    }

    #[test]
    fn a_subject_is_what_decisions_can_be_about() {
        for (kind, text, expect) in [
            ("service", "Mailchimp", "Mailchimp"),
            ("mail_from", "Bounces.Vendor.COM", "bounces.vendor.com"),
            ("network", "192.0.2.77/24", "192.0.2.0/24"),
            ("network", "2001:db8::1", "2001:db8::1/128"),
        ] {
            let found = subject_of(kind, text).map(|subject| {
                let decision = SenderDecision {
                    id: DecisionId(1),
                    subject,
                    ruling: Ruling::default(),
                    actor: crate::store::Actor {
                        by: String::new(),
                        why: None,
                        at: 0,
                    },
                };
                let body = SenderDecisionBody::from(&decision);
                (body.kind.into_owned(), body.subject)
            });
            assert_eq!(found, Ok((kind.to_owned(), expect.to_owned())), "{text}");
        }
        for (kind, text, part) in [
            ("mail_from", "a.b.vendor.com", "write b.vendor.com"),
            ("mail_from", "co.uk", ""),
            ("mail_from", "not a domain", ""),
            ("network", "0.0.0.0/0", "whole Internet"),
            ("network", "::/0", "whole Internet"),
            ("network", "vendor.com", "is not a network"),
        ] {
            let error = subject_of(kind, text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
