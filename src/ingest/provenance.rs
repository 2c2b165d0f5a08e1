//! Who a mail is really from: SPF (RFC 7208) of its envelope, DKIM (RFC 6376) over its bytes, DMARC (RFC 9989) of its
//! author's domain. The only place that uses mail-auth.
//!
//! Everything here is asked for by strangers, so everything has a budget: header bytes, the fields that are taken apart,
//! signatures, the size of their keys, passes over the body, DNS questions, time.
//! What the budget or the DNS leaves open is `Unknown`, never `Fail`. Only the configured name servers are spoken to.

mod body;
mod budget;
mod choice;
mod fetched;
mod resolver;
mod results;
mod seats;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, DnsError, Error, MessageAuthenticator, SpfOutput,
    SpfResult,
};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::envelope::Envelope;
use crate::base::clock::{self, Clock};
use crate::base::{Authenticated, Network};
use crate::base::{Millis, organizational_domain};
use crate::store::{OVER_BUDGET, Provenance, SignatureCheck, SpfCheck, TOO_BUSY};
use budget::Budget;
use choice::Choice;
pub use fetched::FetchedOptions;
pub(super) use fetched::Look;
use fetched::Spending;
use seats::Seats;

/// Mails up to this size are hashed where they are: a fraction of a millisecond. Others go to a thread of their own.
const INLINE_BYTES_MAX: usize = 64 * 1024;
/// RFC 7208, 7.3: what `%{r}` in an explanation says of a receiver that does not tell its name.
const RECEIVER: &str = "unknown";

/// Longest key record that is kept, bytes. One with an RSA key of 4,096 bits has 800.
const KEY_BYTES_MAX: usize = 4_096;

/// RFC 5321, 4.5.3.1.3: a path is up to 256 octets. SPF's macros may repeat it thousands of times.
const PATH_BYTES_MAX: usize = 256;

/// What checking one mail may cost, and who is asked.
#[derive(Debug, Clone)]
pub struct AuthenticatorOptions {
    /// Name servers to ask; none: those that the system uses.
    pub servers: Vec<SocketAddr>,
    /// All checks of one mail.
    pub time_max: Duration,
    /// DNS questions for one mail.
    pub questions_max: u64,
    /// DKIM signatures that are verified, those of the author's organisation first.
    pub signatures_max: usize,
    /// Longest header of a mail. A mail with a longer one is not checked.
    pub header_bytes_max: usize,
    pub header_fields_max: usize,
    /// Mails that are checked at once; others wait, within their time. Of these an eighth may be of one network, and of those
    /// that wait the next is of the network that has the fewest.
    pub mails_max: usize,
    /// Answers that are kept as long as their time to live, at most an hour. Most have a few hundred bytes, the largest
    /// that a hostile name server can give have 64 KiB.
    pub cached_answers_max: u64,
    /// Mail without an envelope.
    pub fetched: FetchedOptions,
}

impl Default for AuthenticatorOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            time_max: Duration::from_secs(5),
            questions_max: 40,
            signatures_max: 5,
            header_bytes_max: 100 * 1024,
            header_fields_max: 1_000,
            mails_max: 256,
            cached_answers_max: 1_024,
            fetched: FetchedOptions::default(),
        }
    }
}

/// Why there can be no checks.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticatorError {
    /// Name them in the settings.
    #[error("the system's name servers cannot be found out: {0}")]
    NoServers(String),
    #[error("the name servers cannot be used: {0}")]
    Resolver(String),
}

/// A mail that was checked.
#[derive(Debug)]
pub struct Checked {
    pub bytes: Vec<u8>,
    /// What was found.
    pub provenance: Provenance,
    pub cost: Cost,
}

/// What a check took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// DNS questions.
    pub questions: u64,
    /// Bytes of the body that were hashed, over all passes.
    pub hashed_bytes: u64,
    /// Processor time, of mails of more than 64 KiB.
    pub time: Duration,
}

/// Checks mails. Cheap to clone: all clones share the cache and the limits.
#[derive(Clone)]
pub struct Authenticator(Arc<Shared>);

struct Shared {
    dns: MessageAuthenticator,
    options: AuthenticatorOptions,
    seats: Arc<Seats>,
    spending: Arc<Spending>,
}

/// How a mail came.
enum Origin {
    Delivered(Envelope),
    /// No peer is known.
    Fetched(Arc<Spending>),
}

impl Origin {
    /// What is known before anything has been checked.
    fn facts(&self) -> Provenance {
        match self {
            Self::Delivered(envelope) => envelope.facts(),
            Self::Fetched(_) => Provenance::fetched(),
        }
    }

    /// The same, and why there is no more: a stable word.
    fn unchecked(&self, why: &str) -> Provenance {
        Provenance {
            unchecked: Some(why.to_owned()),
            ..self.facts()
        }
    }

    /// The network that a seat is of. All that a mail server of ours hands on comes from one network, and so does what was fetched.
    fn network(&self) -> Option<Network> {
        match self {
            Self::Delivered(envelope) => envelope
                .is_from_peer
                .then(|| Network::around(envelope.peer.to_canonical())),
            Self::Fetched(_) => None,
        }
    }

    fn spending(&self) -> Option<Arc<Spending>> {
        match self {
            Self::Delivered(_) => None,
            Self::Fetched(spending) => Some(Arc::clone(spending)),
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Authenticator").field(&self.0.options).finish()
    }
}

impl Authenticator {
    /// Ready to check; sends nothing yet.
    pub fn new(options: AuthenticatorOptions) -> Result<Self, AuthenticatorError> {
        let dns = resolver::authenticator(&options)?;
        let seats = Seats::new(options.mails_max.max(1));
        let spending = Arc::new(Spending::new(&options.fetched));
        Ok(Self(Arc::new(Shared {
            dns,
            options,
            seats,
            spending,
        })))
    }

    /// What can be said of a message without an envelope before anything is asked.
    pub(super) fn look(&self, bytes: &[u8], now: Millis) -> Look {
        let options = &self.0.options;
        let header = (options.header_bytes_max, options.header_fields_max);
        fetched::look(bytes, &options.fetched, header, now)
    }

    /// As [`Self::check`], of a mail without an envelope, within the budget of all such mails.
    pub async fn check_fetched(&self, clock: &Clock, bytes: Vec<u8>) -> Option<Checked> {
        let spending = Arc::clone(&self.0.spending);
        let origin = Origin::Fetched(Arc::clone(&spending));
        let began = clock.monotonic();
        let Some(names) = spending.begin(began) else {
            return Some(Checked {
                provenance: origin.unchecked(OVER_BUDGET),
                bytes,
                cost: Cost::default(),
            });
        };
        let checked = self.check_origin(clock, bytes, origin).await?;
        let took = clock.monotonic().saturating_sub(began);
        match checked.provenance.dkim.iter().any(|check| check.result == "temperror") {
            true => spending.spend(took),
            false => spending.end(names, took),
        }
        Some(checked)
    }

    /// Checks a mail within the budget. Never fails: what could not be found out is `Unknown`. `None` only if the process is
    /// stopping.
    pub async fn check(&self, clock: &Clock, bytes: Vec<u8>, envelope: Envelope) -> Option<Checked> {
        self.check_origin(clock, bytes, Origin::Delivered(envelope)).await
    }

    async fn check_origin(&self, clock: &Clock, bytes: Vec<u8>, origin: Origin) -> Option<Checked> {
        let unchecked = |bytes, origin: &Origin, why| Checked {
            bytes,
            provenance: origin.unchecked(why),
            cost: Cost::default(),
        };
        let now = clock.now();
        // The resolver panics where there is no such date.
        if !clock::is_set(now) {
            return Some(unchecked(bytes, &origin, "clock_not_set"));
        }
        let started = clock.monotonic();
        let time_max = self.0.options.time_max;
        let Ok(seat) = timeout(time_max, self.0.seats.take(origin.network())).await else {
            return Some(unchecked(bytes, &origin, TOO_BUSY));
        };
        let waited = clock.monotonic().saturating_sub(started);
        let time = time_max.saturating_sub(waited);
        let mut checked = if bytes.len() <= INLINE_BYTES_MAX {
            let (provenance, cost) = self.0.guarded(&bytes, &origin, time).await;
            Checked {
                bytes,
                provenance,
                cost,
            }
        } else {
            let (shared, clock) = (Arc::clone(&self.0), clock.clone());
            let runtime = Handle::current();
            let checking = tokio::task::spawn_blocking(move || {
                let worked = clock.thread_time();
                let (provenance, mut cost) = runtime.block_on(shared.guarded(&bytes, &origin, time));
                cost.time = clock.thread_time().saturating_sub(worked);
                Checked {
                    bytes,
                    provenance,
                    cost,
                }
            });
            // Panics are caught inside: it fails only if the runtime ends before it begins.
            checking.await.ok()?
        };
        drop(seat);
        checked.provenance.checked_at = checked
            .provenance
            .dkim
            .iter()
            .any(|check| check.key.is_some())
            .then_some(now);
        Some(checked)
    }
}

impl Shared {
    /// A panic would be a bug of a parser beneath: it costs this mail its verdict, and nothing else.
    async fn guarded(&self, bytes: &[u8], origin: &Origin, time: Duration) -> (Provenance, Cost) {
        let examined = AssertUnwindSafe(Box::pin(self.examine(bytes, origin, time))).catch_unwind();
        examined
            .await
            .unwrap_or_else(|_| (origin.unchecked("internal_error"), Cost::default()))
    }

    async fn examine(&self, bytes: &[u8], origin: &Origin, time: Duration) -> (Provenance, Cost) {
        let options = &self.options;
        let Some(header) = choice::header(bytes, options.header_bytes_max, options.header_fields_max) else {
            return (origin.unchecked("header_too_large"), Cost::default());
        };
        // Strict: a signature with a length (l=) proves nothing about what follows, RFC 6376, 8.2. The header alone: the library
        // would hash the body for every signature that there is.
        let Some(mut message) = AuthenticatedMessage::parse_with_opts(header, None, true) else {
            return (origin.unchecked("no_header"), Cost::default());
        };
        message.raw_message = bytes;
        let Choice {
            chosen,
            left,
            hashed_bytes,
        } = choice::choose(&message, options.signatures_max);
        // An SPF record that asks for much must not take what DKIM and DMARC need.
        let (for_spf, for_rest) = (
            Budget::new(options.questions_max / 2),
            Budget::shared(options.questions_max.div_ceil(2), origin.spending()),
        );
        let (spf_time, dmarc_time) = (time * 3 / 5, time * 2 / 5);
        let checks = chosen
            .iter()
            .map(|message| self.verify_signature(message, &for_rest, spf_time));
        let (spf, mut dkim) = tokio::join!(self.verify_spf(origin, &for_spf, spf_time), join_all(checks));

        let mut provenance = origin.facts();
        provenance.domain = choice::only_author_domain(&message);
        provenance.spf = matches!(origin, Origin::Delivered(_)).then(|| SpfCheck {
            domain: spf.domain().to_owned(),
            result: spf_word(spf.result()).to_owned(),
        });
        provenance.dkim = dkim.iter().filter_map(signature_check).collect();
        // A signature that was not verified may be the good one: with it the library cannot say "fail".
        dkim.extend(left.as_ref().map(|left| undecided().with_signature(left)));
        let parameters = DmarcParameters::new(&message, &dkim, spf.domain(), &spf);
        let dmarc = timeout(dmarc_time, self.dns.verify_dmarc(for_rest.with(parameters))).await;
        if let Ok(dmarc) = dmarc {
            provenance.dmarc = match dmarc.result() {
                DmarcResult::Pass => Authenticated::Pass,
                // SPF may have passed where no peer is known.
                DmarcResult::Fail(_) if matches!(origin, Origin::Fetched(_)) => Authenticated::Unknown,
                // A permanent error is one of names: an author's domain that cannot exist.
                DmarcResult::Fail(_) | DmarcResult::PermError(_) => Authenticated::Fail,
                DmarcResult::TempError(_) => Authenticated::Unknown,
                DmarcResult::None => Authenticated::None,
            };
        }
        self.find_keys(&mut provenance, dmarc_time).await;
        let cost = Cost {
            questions: for_spf.asked() + for_rest.asked(),
            hashed_bytes,
            ..Cost::default()
        };
        (provenance, cost)
    }

    /// SPF of MAIL FROM; of HELO for the null sender (RFC 7208, 2.4).
    async fn verify_spf(&self, origin: &Origin, budget: &Budget, time: Duration) -> SpfOutput {
        let Origin::Delivered(envelope) = origin else {
            return SpfOutput::new(String::new()).with_result(SpfResult::TempError);
        };
        let peer = envelope.peer.to_canonical();
        if envelope.mail_from.len().max(envelope.helo.len()) > PATH_BYTES_MAX {
            return SpfOutput::new(choice::cut(choice::spf_domain(envelope))).with_result(SpfResult::PermError);
        }
        let parameters = SpfParameters::verify_mail_from(peer, &envelope.helo, RECEIVER, &envelope.mail_from);
        let domain = choice::spf_domain(envelope);
        let undecided = || SpfOutput::new(domain.to_owned()).with_result(SpfResult::TempError);
        if !envelope.is_from_peer {
            return undecided();
        }
        match timeout(time, self.dns.verify_spf(budget.with(parameters))).await {
            // The library took questions that were not asked for empty answers: whatever it said, it does not know.
            Ok(_) if budget.is_exhausted() => undecided(),
            Ok(output) => output,
            Err(_) => undecided(),
        }
    }

    /// Notes the keys of the signatures that passed for the author. They have just been asked for: the answers are in the resolver's
    /// cache.
    async fn find_keys(&self, provenance: &mut Provenance, time: Duration) {
        let Some(author) = &provenance.domain else { return };
        let author = organizational_domain(author);
        let passed = provenance.dkim.iter_mut().filter(|check| check.result == "pass");
        let looked_up = async {
            for check in passed.filter(|check| organizational_domain(&check.domain.to_ascii_lowercase()) == author) {
                let name = format!("{}._domainkey.{}", check.selector, check.domain);
                let Ok(record) = self.dns.txt_raw_lookup(name).await else {
                    continue;
                };
                check.key = String::from_utf8(record)
                    .ok()
                    .filter(|record| record.len() <= KEY_BYTES_MAX);
            }
        };
        // What is not found in this time is not kept.
        let _ = timeout(time, looked_up).await;
    }

    /// Verifies the one signature that the message has been left with.
    async fn verify_signature<'m>(
        &self,
        message: &'m AuthenticatedMessage<'m>,
        budget: &'m Budget,
        time: Duration,
    ) -> DkimOutput<'m> {
        let checked = timeout(time, self.dns.verify_dkim(budget.with(message))).await;
        let output = checked.ok().and_then(|mut outputs| outputs.pop());
        output.unwrap_or_else(|| match message.dkim_headers.first() {
            Some(signature) => undecided().with_signature(&signature.header),
            None => undecided(),
        })
    }
}

/// A signature with an unknown result.
fn undecided<'m>() -> DkimOutput<'m> {
    DkimOutput::temp_err(Error::Dns(DnsError::Resolver("not asked, or no answer".to_owned())))
}

fn signature_check(output: &DkimOutput<'_>) -> Option<SignatureCheck> {
    let signature = output.signature()?;
    Some(SignatureCheck {
        domain: choice::cut(&signature.d),
        selector: choice::cut(&signature.s),
        result: dkim_word(output.result()).to_owned(),
        key: None,
    })
}

/// RFC 8601, 2.7.2.
fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

/// RFC 8601, 2.7.1. A body that was changed is a failed signature, whatever the library calls it.
fn dkim_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Fail(_) | DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => "fail",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}
