//! Words that an owner sorts domains by.

use std::fmt;

/// The tags of a domain: sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

/// The text is not a tag, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be up to {} tags, each of 1 to {} small letters, digits, dots, hyphens or underscores",
    Tags::COUNT_MAX,
    Tags::CHARS_MAX
)]
pub struct TagError;

impl Tags {
    /// Tags per domain.
    pub const COUNT_MAX: usize = 10;
    /// Characters per tag.
    pub const CHARS_MAX: usize = 32;

    /// Reads tags. Capital letters become small ones; a tag that repeats counts once.
    ///
    /// # Errors
    /// [`TagError`] if a text is not a tag, or there are too many.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, TagError> {
        let mut tags = Vec::new();
        for text in texts {
            let tag = text.trim().to_ascii_lowercase();
            if !is_tag(&tag) {
                return Err(TagError);
            }
            tags.push(tag);
        }
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > Self::COUNT_MAX {
            return Err(TagError);
        }
        Ok(Self(tags))
    }

    /// Reads what [`Self`] displays; `None` if the text is anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let tags = Self::parse(text.split(' ').filter(|tag| !tag.is_empty())).ok()?;
        (tags.to_string() == text).then_some(tags)
    }

    /// Whether it is one of them.
    pub fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|one| one == tag)
    }

    /// The tags, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// With a space between them.
impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

fn is_tag(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=Tags::CHARS_MAX).contains(&text.len()) && text.bytes().all(is_sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_small_sorted_and_few() {
        let many: Vec<_> = (0..11).map(|nth| format!("t{nth}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        for (texts, expect) in [
            (&["Shop", " de "][..], Some("de shop")),
            (&["b", "a", "B"], Some("a b")),
            (&[], Some("")),
            (&["a b"], None),
            (&[""], None),
            (&["a,b"], None),
            (&["é"], None),
            (&["a\u{0}"], None),
            (&many[..10], Some("t0 t1 t2 t3 t4 t5 t6 t7 t8 t9")),
            (&many, None),
            (&[&*"x".repeat(33)], None),
        ] {
            let tags = Tags::parse(texts.iter().copied());
            assert_eq!(tags.as_ref().map(Tags::to_string).ok().as_deref(), expect, "{texts:?}");
            if let Ok(tags) = tags {
                assert_eq!(Tags::from_text(&tags.to_string()), Some(tags));
            }
        }
        assert_eq!(Tags::from_text("b a"), None);
    }
}
