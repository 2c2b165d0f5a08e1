//! The door to `quick_xml` for answers of object storage: small documents, within limits. No entity is expanded but the five of
//! XML and character references, and no declaration of a type is read.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Most elements inside each other.
const DEPTH_MAX: usize = 16;
/// Longest text of one element, bytes. A key has 1,024, which are up to 3,072 when they are encoded.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// An object in a listing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub key: String,
    /// With its quotation marks.
    pub etag: String,
    pub bytes: Option<u64>,
}

/// A page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Objects {
    pub objects: Vec<Object>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// What a server says of a request that failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: String,
    pub message: String,
}

/// Reads the answer of `ListObjectsV2`. `None`: it is not one.
pub(super) fn objects(xml: &[u8]) -> Option<Objects> {
    let mut page = Objects::default();
    let (mut object, mut is_encoded, mut is_truncated) = (Object::default(), false, false);
    let mut is_listing = false;
    elements(xml, &mut |path, text| match path {
        ["ListBucketResult"] => is_listing = true,
        ["ListBucketResult", "EncodingType"] => is_encoded = text == "url",
        ["ListBucketResult", "IsTruncated"] => is_truncated = text == "true",
        ["ListBucketResult", "NextContinuationToken"] => page.next = Some(text.to_owned()),
        ["ListBucketResult", "Contents", "Key"] => text.clone_into(&mut object.key),
        ["ListBucketResult", "Contents", "ETag"] => text.clone_into(&mut object.etag),
        ["ListBucketResult", "Contents", "Size"] => object.bytes = text.trim().parse().ok(),
        ["ListBucketResult", "Contents"] => page.objects.push(std::mem::take(&mut object)),
        _ => {}
    })?;
    if !is_listing {
        return None;
    }
    if !is_truncated {
        page.next = None;
    } else if page.next.is_none() {
        return None;
    }
    if is_encoded {
        for object in &mut page.objects {
            object.key = decoded(&object.key)?;
        }
    }
    Some(page)
}

/// Reads the tags of an object, in their order. `None`: these are not tags.
pub(super) fn tags(xml: &[u8]) -> Option<Vec<(String, String)>> {
    let (mut tags, mut name, mut value) = (Vec::new(), String::new(), String::new());
    let mut is_tagging = false;
    elements(xml, &mut |path, text| match path {
        ["Tagging"] => is_tagging = true,
        ["Tagging", "TagSet", "Tag", "Key"] => text.clone_into(&mut name),
        ["Tagging", "TagSet", "Tag", "Value"] => text.clone_into(&mut value),
        ["Tagging", "TagSet", "Tag"] => tags.push((std::mem::take(&mut name), std::mem::take(&mut value))),
        _ => {}
    })?;
    is_tagging.then_some(tags)
}

/// The body that sets the tags of an object.
pub(super) fn tagging(tags: &[(String, String)]) -> String {
    let escaped = |text: &str| quick_xml::escape::escape(text).into_owned();
    let tags: String = tags
        .iter()
        .map(|(name, value)| {
            format!(
                "<Tag><Key>{}</Key><Value>{}</Value></Tag>",
                escaped(name),
                escaped(value)
            )
        })
        .collect();
    format!("<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>{tags}</TagSet></Tagging>")
}

/// Reads what a server says of a request that failed. `None`: it is something else. The other elements are not for logs: some
/// servers repeat a token in them.
pub(super) fn refusal(xml: &[u8]) -> Option<Refusal> {
    let mut refusal = Refusal::default();
    let mut is_error = false;
    elements(xml, &mut |path, text| match path {
        ["Error"] => is_error = true,
        ["Error", "Code"] => text.clone_into(&mut refusal.code),
        ["Error", "Message"] => text.clone_into(&mut refusal.message),
        _ => {}
    })?;
    is_error.then_some(refusal)
}

/// Shows each element at its end to `on`: the names from the outermost to it, and its own text. `None`: it is not XML, or
/// breaks a limit.
fn elements(xml: &[u8], on: &mut dyn FnMut(&[&str], &str)) -> Option<()> {
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<(String, String)> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let name = str::from_utf8(start.local_name().into_inner()).ok()?.to_owned();
                open.push((name, String::new()));
                if open.len() > DEPTH_MAX {
                    return None;
                }
            }
            Event::Empty(empty) => {
                let name = str::from_utf8(empty.local_name().into_inner()).ok()?;
                show(&open, Some(name), "", on);
            }
            Event::End(_) => {
                show(&open, None, &open.last()?.1, on);
                open.pop();
            }
            Event::Text(text) => add(&mut open, &text.decode().ok()?)?,
            Event::CData(text) => add(&mut open, &text.decode().ok()?)?,
            Event::GeneralRef(reference) => add(&mut open, resolved(&reference)?.encode_utf8(&mut [0; 4]))?,
            Event::Eof => return open.is_empty().then_some(()),
            Event::DocType(_) => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn show(open: &[(String, String)], last: Option<&str>, text: &str, on: &mut dyn FnMut(&[&str], &str)) {
    let path: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).chain(last).collect();
    on(&path, text);
}

fn add(open: &mut [(String, String)], text: &str) -> Option<()> {
    if let Some((_, all)) = open.last_mut() {
        all.push_str(text);
        return (all.len() <= TEXT_BYTES_MAX).then_some(());
    }
    text.trim().is_empty().then_some(())
}

fn resolved(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(c) = reference.resolve_char_ref().ok()? {
        return Some(c);
    }
    Some(match &*reference.decode().ok()? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// A key as `encoding-type=url` has it: a space is a plus, as in forms.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>mail</Name><Prefix>in/</Prefix><KeyCount>2</KeyCount>
<MaxKeys>2</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
<Contents><Key>in/a%2Bb+%C3%BC</Key><LastModified>2026-03-23T10:00:00.000Z</LastModified><ETag>&quot;70ee&quot;</ETag>
<Size>434234</Size><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID><Key>no</Key></Owner></Contents>
<Contents><Key>in/b</Key><ETag>"71&#101;&#x65;"</ETag><Size/></Contents><CommonPrefixes><Prefix>in/c/</Prefix></CommonPrefixes>
</ListBucketResult>"#;

    #[test]
    fn a_page_is_read() {
        let object = |key: &str, etag: &str, bytes| Object {
            key: key.to_owned(),
            etag: etag.to_owned(),
            bytes,
        };
        let page = objects(PAGE.as_bytes()).unwrap();
        let expect = [
            object("in/a+b ü", "\"70ee\"", Some(434_234)),
            object("in/b", "\"71ee\"", None),
        ];
        assert_eq!(page.objects, expect);
        assert_eq!(
            page.next.as_deref(),
            Some("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=")
        );
        // A server that does not encode keys does not say that it does.
        let plain = PAGE
            .replace("<EncodingType>url</EncodingType>", "")
            .replace("true", "false");
        let page = objects(plain.as_bytes()).unwrap();
        assert_eq!((&*page.objects[0].key, page.next), ("in/a%2Bb+%C3%BC", None));
        let empty = objects(b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
        assert_eq!(empty, Some(Objects::default()));
    }

    #[test]
    fn what_is_not_a_page_is_not_read() {
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        let long = PAGE.replace("in/b", &"x".repeat(TEXT_BYTES_MAX + 1));
        let without_token = PAGE.replace("NextContinuationToken", "Other");
        let entity =
            "<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>";
        for xml in [
            "",
            "<html>404</html>",
            "{}",
            "<ListBucketResult>",
            "<ListBucketResult><Contents></ListBucketResult>",
            "<ListBucketResult>&unknown;</ListBucketResult>",
            &deep,
            &long,
            &without_token,
            &PAGE[..PAGE.len() - 40],
            &PAGE.replace("%C3", "%C"),
            &PAGE.replace("%C3%BC", "%FF"),
            entity,
        ] {
            assert_eq!(objects(xml.as_bytes()), None, "{xml:.80}");
        }
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        let all = [("a&b".to_owned(), "<1>".to_owned()), ("c".to_owned(), String::new())];
        assert_eq!(tags(tagging(&all).as_bytes()), Some(all.to_vec()));
        assert_eq!(tags(b"<Tagging><TagSet/></Tagging>"), Some(Vec::new()));
        assert_eq!(tags(PAGE.as_bytes()), None);
    }

    #[test]
    fn of_a_refusal_only_code_and_message_are_read() {
        let xml = b"<Error><Code>ExpiredToken</Code><Message>has expired</Message><Token-0>secret</Token-0></Error>";
        let refused = refusal(xml).unwrap();
        assert_eq!((&*refused.code, &*refused.message), ("ExpiredToken", "has expired"));
        assert_eq!(refusal(PAGE.as_bytes()), None);
    }
}
