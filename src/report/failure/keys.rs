//! By what a failure report is known again. `report/encoder.rs` has the encoding, which may not change.

use super::model::{Form, Parts};
use crate::report::aggregate::ContentKey;
use crate::report::encoder::Encoder;

/// The contents of a report about a domain: its fields and the header of the mail that failed, whatever is around them. White
/// space at the ends of lines differs by the way that a mail came, and does not count.
///
/// A report without a copied header may say too little to differ from the next one, so the id of the mail that carries it counts,
/// too.
pub(super) fn content_key(domain: &str, parts: &Parts<'_>, message_id: Option<&str>) -> ContentKey {
    let mut encoder = Encoder::new(b"tallymark failure content 1");
    encoder.text(domain);
    lines(&mut encoder, parts.text);
    encoder.byte(parts.copy.is_some().into());
    lines(&mut encoder, parts.copy.unwrap_or_default());
    let is_alone = parts.copy.is_none() && parts.form == Form::Arf;
    encoder.text_option(message_id.filter(|_| is_alone));
    ContentKey(encoder.finish())
}

fn lines(encoder: &mut Encoder, text: &[u8]) {
    for line in text.trim_ascii().split(|&byte| byte == b'\n') {
        let line = line.trim_ascii_end();
        encoder.length(line.len());
        encoder.bytes(line);
    }
}
