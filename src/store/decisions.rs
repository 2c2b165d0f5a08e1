//! What the owner of a domain has decided about senders. Facts stay what they are: names and flows follow from a decision
//! when they are read.

use super::acceptance::Actor;
use super::db::{Args, Conn, Row, Statement};
use super::memory::number;
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::text::folded;
use crate::base::{AccountId, DecisionId, DomainId, Millis, Network, words};

/// Decisions of a domain.
const DECISIONS_MAX: usize = 1_000;

words! {
    /// Whose a sender is, as the owner of the domain says.
    Whose: i64 {
        /// It sends for the owner.
        Ours = 1 "ours",
        /// It does not.
        NotOurs = 2 "not_ours",
        /// It passes on mail that others sent.
        Forwarder = 3 "forwarder",
    }
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Senders of this name, in any case.
    Service(String),
    /// Mail with a passing MAIL FROM domain of this name or below it, in lower case.
    MailFrom(String),
    /// Addresses of this network; it may be one address.
    Network(Network),
}

/// What is decided about a sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruling {
    /// `None`: only a name is given.
    pub whose: Option<Whose>,
    /// The owner's own name for the addresses of a network.
    pub name: Option<String>,
}

/// A decision about a sender, with who made it and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderDecision {
    pub id: DecisionId,
    pub subject: Subject,
    pub ruling: Ruling,
    /// Who decided last, with the note that they left.
    pub actor: Actor,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It holds from now on, for the past too.
    Done(DecisionId),
    /// The account has no such domain.
    Missing,
    /// The domain has the most decisions that it may have.
    Full,
}

impl Subject {
    const fn kind(&self) -> i64 {
        match self {
            Self::Service(_) => 0,
            Self::MailFrom(_) => 1,
            Self::Network(_) => 2,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Service(name) | Self::MailFrom(name) => name.clone(),
            Self::Network(network) => network.to_string(),
        }
    }

    fn read(kind: i64, text: String) -> Option<Self> {
        Some(match kind {
            0 => Self::Service(text),
            1 => Self::MailFrom(text),
            2 => Self::Network(text.parse().ok()?),
            _ => return None,
        })
    }

    /// Whether two decisions are about the same.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Service(one), Self::Service(other)) => folded(one) == folded(other),
            (one, other) => one == other,
        }
    }
}

impl Store {
    /// What the owner of a domain has decided about senders, in order of the first decision about each; at most 1,000.
    pub async fn sender_decisions(&self, domain: DomainId) -> Result<Vec<SenderDecision>, StoreError> {
        let mut conn = self.read().await?;
        list(&mut Conn(&mut conn), domain).await
    }

    /// Decides about a sender, in place of an earlier decision about the same.
    pub async fn decide_sender(
        &self,
        (account, domain): (AccountId, DomainId),
        subject: &Subject,
        ruling: &Ruling,
        actor: &Actor,
    ) -> Result<Decided, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if !is_owned(&mut conn, account, domain).await? {
            return Ok(Decided::Missing);
        }
        let known = list(&mut conn, domain).await?;
        let id = match known.iter().find(|decision| decision.subject.is_same(subject)) {
            Some(decision) => {
                let args = Args::default().int(domain.0).int(decision.id.0);
                conn.run(sql!("decision_change"), ruled(args, ruling, actor)).await?;
                decision.id
            }
            None if known.len() >= DECISIONS_MAX => return Ok(Decided::Full),
            None => {
                let id = number(&mut conn, "decision").await?;
                let args = Args::default().int(domain.0).int(id).int(subject.kind());
                let args = ruled(args.text(&subject.text()), ruling, actor);
                conn.run(sql!("decision_add"), args).await?;
                DecisionId(id)
            }
        };
        write.commit().await?;
        Ok(Decided::Done(id))
    }

    /// Takes a decision back. False if the account's domain has no such decision.
    pub async fn withdraw_decision(&self, place: (AccountId, DomainId), id: DecisionId) -> Result<bool, StoreError> {
        self.take_back(place, (sql!("decision_remove"), id.0)).await
    }

    /// Removes what the owner of a domain noted about it, by its number. False if the account's domain has no such thing.
    pub(super) async fn take_back(
        &self,
        (account, domain): (AccountId, DomainId),
        (statement, number): (&'static Statement, i64),
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        if !is_owned(&mut conn, account, domain).await? {
            return Ok(false);
        }
        let args = Args::default().int(domain.0).int(number);
        let removed = conn.run(statement, args).await? > 0;
        write.commit().await?;
        Ok(removed)
    }
}

/// Whether the domain is the account's. Decisions about one domain wait for each other, and for its removal.
pub(super) async fn is_owned(conn: &mut Conn<'_>, account: AccountId, domain: DomainId) -> Result<bool, StoreError> {
    conn.hold(vec![domain]).await?;
    let owned = Args::default().int(account.0).int(domain.0);
    Ok(conn.first(sql!("domain_by_id"), owned).await?.is_some())
}

/// What both statements end with.
fn ruled(args: Args, ruling: &Ruling, actor: &Actor) -> Args {
    let actor = actor.kept();
    args.opt_int(ruling.whose.map(Whose::code))
        .opt_text(ruling.name.as_deref())
        .opt_text(actor.why.as_deref())
        .text(&actor.by)
        .int(actor.at)
}

async fn list(conn: &mut Conn<'_>, domain: DomainId) -> Result<Vec<SenderDecision>, StoreError> {
    let rows = conn.all(sql!("decision_list"), Args::default().int(domain.0)).await?;
    rows.iter().map(|row| read(domain, row)).collect()
}

fn read(domain: DomainId, row: &Row) -> Result<SenderDecision, StoreError> {
    let id = row.int("decision_id")?;
    let damaged = |what| StoreError::damaged("sender_decisions", format_args!("{domain}/{id}"), what);
    let subject = Subject::read(row.int("kind")?, row.text("subject")?);
    let whose = row.opt_int("whose")?.map(|code| Whose::from_code(code).ok_or(code));
    let at: Millis = row.int("decided_at")?;
    Ok(SenderDecision {
        id: DecisionId(id),
        subject: subject.ok_or_else(|| damaged("is about nothing known"))?,
        ruling: Ruling {
            whose: whose.transpose().map_err(|_| damaged("holds an unknown decision"))?,
            name: row.opt_text("name")?,
        },
        actor: Actor {
            by: row.text("decided_by")?,
            why: row.opt_text("note")?,
            at,
        },
    })
}
