//! One leaf after the other: what it is by its bytes, and what is inside it.

mod packed;

use super::budget::Budget;
use super::claim::{self, Claim, Context, Subject};
use super::classify::{self, Evidence};
use super::failure::{Collected, FailureForm};
use super::mbox;
use super::problem::{Damage, Other, Problem, Reason};
use super::sniff::{self, Format};
use super::text::{Content, Meter, Raw, ReportText, TextKind};
use super::tls_fields::TlsFields;
use crate::base::text::shown;
use std::cell::Cell;

const DETAIL_BYTES_MAX: usize = 200;
/// Breaches of a limit that are noted of one message.
const DOUBTS_MAX: usize = 16;

/// How deep something is, and where.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Multiparts around it.
    pub depth: usize,
    /// Mails around it, apart from the message itself.
    pub levels: usize,
    /// Archives and base64 layers around it.
    pub nesting: usize,
    /// Its first byte in the message, unless it was decoded.
    pub offset: Option<u64>,
    /// What was wrong with an archive around it.
    pub damage: Option<Damage>,
    /// Whether the subject of the mail around it says that this is a report.
    pub is_stated: bool,
}

/// Bytes that contain no further MIME parts.
pub(super) struct Leaf<'a> {
    pub content: Content<'a>,
    pub path: &'a str,
    pub name: Option<&'a str>,
    /// The file name to hand on: the innermost that may tell reporter and domain.
    pub hint: Option<&'a str>,
    pub media_type: &'a str,
    /// What name and type say: of one that is a report, anything else in it is a problem.
    pub claim: Claim,
    pub place: Place,
}

impl Leaf<'_> {
    /// Whether the leaf, or the mail around a leaf of a likely kind, says that this is a report.
    fn is_stated(&self) -> bool {
        match self.claim {
            Claim::Stated | Claim::Tls => true,
            Claim::Possible => self.place.is_stated,
            Claim::Denied | Claim::Nothing => false,
        }
    }

    /// As [`Self::is_stated`], for a leaf whose bytes show a packed format.
    fn is_stated_archive(&self) -> bool {
        self.is_stated() || self.place.is_stated && self.claim != Claim::Denied
    }
}

/// The walk through one message.
pub(super) struct Walk<'a, 'v> {
    pub budget: &'a Budget<'a>,
    context: Context,
    visit: &'v mut dyn FnMut(ReportText<'_>),
    pub texts: usize,
    pub problems: Vec<Problem>,
    /// Breaches of a limit: problems if anything says that there is a report in the message.
    doubts: Vec<Problem>,
    pub evidence: Evidence,
    /// The strongest that a subject in the message says.
    pub subject: Subject,
    /// What the header of the innermost mail says about a TLS report in it.
    pub tls_fields: TlsFields,
    pub failure: Collected,
    /// Whether a text was visited that says it is a report.
    is_stated: bool,
    halted: bool,
}

impl<'a, 'v> Walk<'a, 'v> {
    pub fn new(budget: &'a Budget<'a>, context: Context, visit: &'v mut dyn FnMut(ReportText<'_>)) -> Self {
        Self {
            budget,
            context,
            visit,
            texts: 0,
            problems: Vec::new(),
            doubts: Vec::new(),
            evidence: Evidence::default(),
            subject: Subject::default(),
            tls_fields: TlsFields::default(),
            failure: Collected::default(),
            is_stated: false,
            halted: false,
        }
    }

    /// Whether nothing more is looked at.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Notes a leaf that claims to be a report and contains none.
    pub fn problem(&mut self, path: &str, place: Place, reason: Reason, detail: &str) {
        self.halted |= reason.ends_all();
        self.problems.push(problem(path, place, reason, detail));
    }

    /// Notes that something is not looked at because it exceeds a limit.
    pub fn limit(&mut self, path: &str, place: Place, reason: Reason, detail: &str) {
        if reason.ends_all() {
            // The rest of the message is not looked at, so it is unknown whether there is a report in it.
            self.problem(path, place, reason, detail);
        } else if place.is_stated {
            self.problem(path, place, reason, detail);
        } else if self.doubts.len() < DOUBTS_MAX {
            self.doubts.push(problem(path, place, reason, detail));
        }
    }

    /// Looks at nothing more: the author of the message has no claim to more of our time.
    pub fn halt(&mut self) {
        self.halted = true;
    }

    /// Notes that a leaf cannot be read.
    pub fn unread(&mut self, leaf: &Leaf<'_>, reason: Reason, detail: &str) {
        let may_be_one = self.context == Context::ReportAddress && leaf.claim == Claim::Possible;
        let is_broken = matches!(reason, Reason::ArchiveDamaged | Reason::TooLarge);
        match reason {
            _ if leaf.is_stated_archive() || may_be_one && is_broken => {
                self.problem(leaf.path, leaf.place, reason, detail)
            }
            Reason::MimeTooComplex
            | Reason::ArchiveTooComplex
            | Reason::TooLarge
            | Reason::TooSlow
            | Reason::Budget(_) => {
                self.limit(leaf.path, leaf.place, reason, detail);
            }
            _ => {}
        }
    }

    /// Decides, at the end, what a breach of a limit and a subject without a report mean.
    pub fn conclude(&mut self, message: &[u8]) {
        let mut doubts = std::mem::take(&mut self.doubts);
        if !doubts.is_empty() {
            let is_near = self.is_stated || !self.problems.is_empty() || claim::is_stated_anywhere(message);
            // A zip of photos has many files, wherever it is sent to.
            let is_own = |reason| self.context == Context::ReportAddress && reason == Reason::MimeTooComplex;
            doubts.retain(|doubt| is_near || is_own(doubt.reason));
            self.problems.append(&mut doubts);
        }
        let is_nothing = self.texts == 0 && self.problems.is_empty() && self.evidence.conclude().is_none();
        if is_nothing && self.subject == Subject::States {
            let place = Place {
                offset: Some(0),
                ..Place::default()
            };
            let detail = "the subject says that it is a report, and there is none in it";
            self.problem("message", place, Reason::NotAReport, detail);
        }
    }

    /// Looks at one leaf and at what is packed in it.
    pub fn leaf(&mut self, leaf: &Leaf<'_>) {
        if self.halted {
            return;
        }
        let meter = Meter::default();
        self.metered_leaf(leaf, &meter);
    }

    fn metered_leaf<'l>(&mut self, leaf: &Leaf<'l>, meter: &'l Meter)
    where
        'a: 'l,
    {
        let mut raw = Raw::new(leaf.content, self.budget, meter);
        if let Err(reason) = raw.prime() {
            return self.unread(leaf, reason, "");
        }
        let head = raw.head();
        if head.is_empty() {
            drop(raw);
            return self.nothing_in(leaf, meter);
        }
        match sniff::format(head) {
            Format::AppleDouble => {}
            Format::Gzip => self.open_archive(leaf, raw, meter, Self::gzip),
            Format::Zip => self.open_archive(leaf, raw, meter, Self::zip),
            Format::Unsupported("S/MIME") if leaf.media_type.ends_with("-signature") => {}
            // Two bytes are little to go by: without a claim it is some binary file.
            Format::Unsupported("zlib") if !leaf.is_stated() => {}
            Format::Unsupported(name) => self.unsupported(leaf, name),
            Format::Foreign(name) => self.not_a_report(leaf, name),
            Format::Json if sniff::is_tls_report(head) => self.tls_report(leaf, raw, meter),
            Format::Json => self.not_a_report(leaf, "JSON"),
            Format::Binary => self.not_a_report(leaf, "binary data"),
            Format::Text => self.text(leaf, raw, meter),
        }
    }

    fn tls_report<'l>(&mut self, leaf: &Leaf<'l>, raw: Raw<'l>, meter: &'l Meter) {
        self.evidence.note(Other::TlsReport);
        self.show(leaf, raw, meter, TextKind::Tls);
    }

    /// Shows the visitor a text that may be a report.
    fn show<'l>(&mut self, leaf: &Leaf<'l>, raw: Raw<'l>, meter: &'l Meter, kind: TextKind) {
        let is_stated = match kind {
            TextKind::Aggregate => leaf.is_stated() || claim::states_report(raw.head()),
            TextKind::Tls => leaf.is_stated() || sniff::states_tls_report(raw.head()),
        };
        self.texts += 1;
        self.is_stated |= is_stated;
        (self.visit)(ReportText {
            kind,
            leaf: leaf.path,
            file_name: leaf.hint,
            tls_fields: &self.tls_fields,
            is_stated,
            content: leaf.content,
            outer_damage: leaf.place.damage,
            budget: self.budget,
            meter,
            primed: Cell::new(Some(raw)),
        });
        self.halted |= self.budget.spent().is_some();
    }

    fn nothing_in(&mut self, leaf: &Leaf<'_>, meter: &Meter) {
        match meter.damage() {
            Some(damage) => self.unread(leaf, Reason::ArchiveDamaged, damage.word()),
            None => self.empty(leaf, ""),
        }
    }

    fn empty(&mut self, leaf: &Leaf<'_>, detail: &str) {
        if leaf.is_stated() || self.context == Context::ReportAddress && leaf.claim == Claim::Possible {
            self.problem(leaf.path, leaf.place, Reason::Empty, detail);
        }
    }

    /// Other programs' files, and envelopes of a mail client: few of them hold a report.
    fn unsupported(&mut self, leaf: &Leaf<'_>, name: &str) {
        if leaf.is_stated_archive() {
            self.problem(leaf.path, leaf.place, Reason::UnsupportedFormat, name);
        }
    }

    fn not_a_report(&mut self, leaf: &Leaf<'_>, detail: &str) {
        if leaf.is_stated() {
            self.problem(leaf.path, leaf.place, Reason::NotAReport, detail);
        }
    }

    fn text<'l>(&mut self, leaf: &Leaf<'l>, raw: Raw<'l>, meter: &'l Meter) {
        let head = raw.head();
        // Before a report in one of its mails is taken for all of it.
        if mbox::begins(head) {
            return self.open_archive(leaf, raw, meter, Self::mbox);
        }
        if claim::states_report(head)
            || sniff::has_feedback(head)
            || leaf.claim >= Claim::Possible && sniff::is_xml(head)
        {
            return self.show(leaf, raw, meter, TextKind::Aggregate);
        }
        if sniff::is_base64(head) {
            return self.open_archive(leaf, raw, meter, Self::base64);
        }
        if leaf.place.levels == 0 && self.failure.takes_copy(leaf.media_type) {
            return self.failure.note_copy(head);
        }
        if leaf.place.levels == 0
            && let Some(other) = classify::text(head)
        {
            match other {
                Other::FailureReport if classify::is_feedback(head) => self.failure.note_text(FailureForm::Arf, head),
                Other::FailureReport => self.failure.note_text(FailureForm::Plain, head),
                _ => {}
            }
            return self.evidence.note(other);
        }
        if sniff::is_mail(head) {
            return self.open_archive(leaf, raw, meter, Self::mail_in_leaf);
        }
        if head.trim_ascii().is_empty() {
            return self.empty(leaf, "there is nothing in it but white space");
        }
        self.not_a_report(leaf, "text");
    }

    /// Goes into a leaf that holds other leaves; what is itself packed is first unpacked into memory.
    fn open_archive(&mut self, leaf: &Leaf<'_>, raw: Raw<'_>, meter: &Meter, open: fn(&mut Self, &Leaf<'_>, &[u8])) {
        if leaf.place.nesting >= self.budget.limits.archive_nesting_max {
            return self.unread(leaf, Reason::ArchiveTooComplex, "archives inside archives");
        }
        if let Content::Plain(bytes) = leaf.content {
            drop(raw);
            return open(self, leaf, bytes);
        }
        match raw.read_all(self.budget.limits.archive_bytes_max) {
            Ok((bytes, _held)) => {
                let damage = meter.damage().or(leaf.place.damage);
                open(
                    self,
                    &Leaf {
                        place: Place { damage, ..leaf.place },
                        ..*leaf
                    },
                    &bytes,
                );
            }
            Err(reason) => self.unread(leaf, reason, "archive in an archive"),
        }
    }
}

fn problem(path: &str, place: Place, reason: Reason, detail: &str) -> Problem {
    Problem {
        leaf: path.into(),
        reason,
        detail: match detail {
            "" => reason.sentence().into(),
            detail if matches!(reason, Reason::Budget(_)) => {
                shown(&format!("{detail}: {}", reason.sentence()), DETAIL_BYTES_MAX).into()
            }
            detail => shown(detail, DETAIL_BYTES_MAX).into(),
        },
        offset: place.offset,
    }
}
