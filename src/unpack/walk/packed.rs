//! What is inside a leaf: the files of archives, the mails of mailbox files, what is in base64.

use super::super::zip;
use super::{Leaf, Place, Walk};
use crate::unpack::claim::{self, Claim};
use crate::unpack::problem::Reason;
use crate::unpack::text::{Content, Meter};
use crate::unpack::{gzip, label, mbox, transfer};

impl Walk<'_, '_> {
    pub(super) fn gzip(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let Some(header) = gzip::member_header(bytes) else {
            return self.unread(leaf, Reason::ArchiveDamaged, "gzip header");
        };
        let stored = header.name.map(String::from_utf8_lossy);
        let stem = leaf.name.and_then(|name| name.strip_suffix(".gz"));
        let name = stored
            .as_deref()
            .filter(|name| !name.is_empty())
            .or(stem)
            .map(label::hint);
        let path = label::join(leaf.path, name.unwrap_or("gunzipped"));
        let mut rest = bytes;
        while !rest.is_empty() && !self.halted {
            let meter = Meter::default();
            let document = Leaf {
                content: Content::Gzip(rest),
                path: &path,
                name,
                hint: better_hint(name, leaf.hint),
                media_type: "",
                claim: leaf.claim.max(name.map_or(Claim::Denied, claim::of_name)),
                place: inside(leaf.place),
            };
            self.metered_leaf(&document, &meter);
            rest = &bytes[bytes.len() - meter.next_document_bytes()..];
            if !rest.is_empty()
                && let Err(reason) = self.budget.spend_entries(1)
            {
                return self.unread(leaf, reason, "documents in one gzip file");
            }
        }
    }

    pub(super) fn zip(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let files = match zip::files(bytes, self.budget) {
            Ok(files) => files,
            Err((reason, detail)) => return self.unread(leaf, reason, &detail),
        };
        if files.is_empty() {
            return self.unread(leaf, Reason::Empty, "there is no file in this zip");
        }
        if zip::is_package(&files) {
            return self.not_a_report(leaf, "office document");
        }
        if let Err(reason) = self.budget.spend_entries(files.len()) {
            return self.unread(leaf, reason, &format!("{} files", files.len()));
        }
        let before = (self.texts, self.problems.len(), self.evidence.conclude());
        for file in files {
            match file {
                Ok(entry) => self.zip_entry(leaf, &entry),
                Err(file) => self.unread_entry(leaf, &file),
            }
        }
        if before == (self.texts, self.problems.len(), self.evidence.conclude()) && !self.halted {
            self.not_a_report(leaf, "no file in it looks like a report");
        }
    }

    fn unread_entry(&mut self, leaf: &Leaf<'_>, file: &zip::Unreadable) {
        let path = label::join(leaf.path, &file.name);
        let claim = leaf.claim.max(claim::of_name(&file.name));
        let place = Place {
            offset: None,
            ..leaf.place
        };
        let entry = Leaf {
            path: &path,
            claim,
            place,
            ..*leaf
        };
        let before = self.problems.len();
        self.unread(&entry, file.reason, &file.detail);
        if self.problems.len() == before {
            // Beside a report it may be another one.
            self.limit(&path, place, file.reason, &file.detail);
        }
    }

    fn zip_entry(&mut self, leaf: &Leaf<'_>, entry: &zip::Entry<'_>) {
        let name = label::hint(&entry.name);
        let path = label::join(leaf.path, name);
        self.leaf(&Leaf {
            content: Content::Entry {
                data: entry.data,
                method: entry.method,
                crc: entry.crc,
                size: entry.size,
            },
            path: &path,
            name: Some(name),
            hint: better_hint(Some(name), leaf.hint),
            media_type: "",
            claim: inner_claim(leaf.claim, name),
            place: inside(leaf.place),
        });
    }

    pub(super) fn base64(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let _held = match self.budget.hold(transfer::base64_bytes(bytes.len())) {
            Ok(held) => held,
            Err(reason) => return self.unread(leaf, reason, ""),
        };
        let decoded = transfer::base64(bytes);
        self.leaf(&Leaf {
            content: Content::Plain(&decoded),
            place: inside(leaf.place),
            ..*leaf
        });
    }

    /// A mailbox file that is attached or packed: each of its mails.
    pub(super) fn mbox(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        for (nth, (at, mail)) in mbox::mails(bytes).enumerate() {
            if self.halted {
                return;
            }
            let place = Place {
                levels: leaf.place.levels + 1,
                offset: leaf.place.offset.map(|offset| offset + at as u64),
                ..leaf.place
            };
            let path = label::join(leaf.path, &format!("mail {}", nth + 1));
            if let Err(reason) = self.budget.spend_part().and_then(|()| self.budget.check()) {
                self.limit(&path, place, reason, "mails in a mailbox file");
                return self.halt();
            }
            self.mail(mail, &path, place);
        }
    }

    pub(super) fn mail_in_leaf(&mut self, leaf: &Leaf<'_>, bytes: &[u8]) {
        let place = Place {
            levels: leaf.place.levels + 1,
            ..leaf.place
        };
        self.mail(bytes, leaf.path, place);
    }
}

/// What a file in an archive claims: by its name no more than the archive does, unless the name is that of a report.
fn inner_claim(archive: Claim, name: &str) -> Claim {
    match claim::of_name(name) {
        Claim::Possible if archive == Claim::Stated => Claim::Stated,
        by_name => by_name,
    }
}

fn inside(place: Place) -> Place {
    Place {
        nesting: place.nesting + 1,
        offset: None,
        ..place
    }
}

/// The inner file name, unless only the outer one has the form `reporter!domain!begin!end`.
fn better_hint<'n>(inner: Option<&'n str>, outer: Option<&'n str>) -> Option<&'n str> {
    match (inner, outer) {
        (Some(inner), Some(outer)) if !inner.contains('!') && outer.contains('!') => Some(outer),
        (Some(inner), _) => Some(inner),
        (None, outer) => outer,
    }
}
