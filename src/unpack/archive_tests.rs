//! Rows 31 to 59 of the deviations seen in the wild: archives and charsets.

use super::testdata::{File, gzip, mail, report, zip};
use super::tests::{check, check_none, run};
use super::*;
use std::io::Read;

#[test]
fn rows_32_to_35_gzip_members_and_defects() {
    let xml = report(9);
    let packed = gzip(&xml);
    check(&[packed.as_slice(), b"\r\n"].concat(), &[("file > gunzipped", &xml)]);
    let (start, rest) = xml.split_at(5);
    check(
        &[gzip(start), gzip(b""), gzip(rest)].concat(),
        &[("file > gunzipped", &xml)],
    );
    let other = [b"<?xml version=\"1.0\"?>\n", report(8).as_slice()].concat();
    check(
        &[gzip(&xml), gzip(&other), gzip(b"\n")].concat(),
        &[
            ("file > gunzipped", &xml),
            ("file > gunzipped", &[other.as_slice(), b"\n"].concat()),
        ],
    );
    let (texts, unpacked) = run(&gzip(&other).repeat(40), &Limits::default());
    assert_eq!(texts.len(), Limits::default().archive_entries_max + 1);
    assert_eq!(unpacked.problems[0].reason, Reason::ArchiveTooComplex);

    let damaged = |bytes: &[u8]| run(bytes, &Limits::default()).0.remove(0);
    let cut = damaged(&packed[..packed.len() - 20]);
    assert!(xml.starts_with(&cut.text) && !cut.text.is_empty());
    assert_eq!(cut.damage, Some(Damage::Truncated));
    let no_trailer = damaged(&packed[..packed.len() - 3]);
    assert_eq!(
        (no_trailer.text, no_trailer.damage),
        (xml.clone(), Some(Damage::Truncated))
    );
    let mut flipped = packed.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    let flipped = damaged(&flipped);
    assert_eq!((flipped.text, flipped.damage), (xml.clone(), Some(Damage::Checksum)));
    check_none(
        &packed[..14],
        &[("file > gunzipped", "archive_damaged")],
        Other::NotMail,
    );
    check_none(&packed[..4], &[("file", "archive_damaged")], Other::NotMail);
}

#[test]
fn damage_is_known_when_the_parser_stops_early() {
    let mut packed = gzip(&report(1));
    let at = packed.len() - 6;
    packed[at] ^= 1;
    let mut damage = None;
    unpack(&packed, &Limits::default(), &|| false, &mut |text| {
        assert_eq!(text.open().unwrap().read(&mut [0; 10]).unwrap(), 10);
        damage = text.damage();
    });
    assert_eq!(damage, Some(Damage::Checksum));
}

#[test]
fn rows_37_to_45_zip() {
    let (one, two) = (report(1), report(2));
    let mut described = File::deflated("/var/log/b.txt", &two);
    described.flags = 8;
    let mut large = File::deflated("c.xml", &one);
    large.zip64 = true;
    let files = [
        File::stored("a.xml/", b""),
        File::stored("a.xml", &one),
        File::stored("__MACOSX/._a.xml", b"\0\x05\x16\x07\0"),
        File::stored("._a.xml", b"\0\x05\x16\x07\0"),
        described,
        large,
        File::deflated("d.xml.gz", &gzip(&two)),
        File::deflated("readme.txt", b"Hello."),
        File::deflated("e.zip", &zip(&[File::deflated("f.xml", &one)], b"")),
    ];
    check(
        &zip(&files, b"a comment"),
        &[
            ("file > a.xml", &one),
            ("file > /var/log/b.txt", &two),
            ("file > c.xml", &one),
            ("file > d.xml.gz > d.xml", &two),
            ("file > e.zip > f.xml", &one),
        ],
    );
}

#[test]
fn rows_31_and_44_claims_that_do_not_hold() {
    let in_mail = |name: &str, bytes: &[u8]| mail("application/octet-stream", name, bytes);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    check_none(
        &in_mail("a.xml.gz", png),
        &[("part 2 > a.xml.gz", "not_a_report")],
        Other::Mail,
    );
    check_none(
        &in_mail("a.xml.gz", &gzip(b"unused")),
        &[("part 2 > a.xml.gz > a.xml", "not_a_report")],
        Other::Mail,
    );
    check_none(&in_mail("a.xml", b""), &[("part 2 > a.xml", "empty")], Other::Mail);
    check_none(&in_mail("logo.png", png), &[], Other::Mail);
    check_none(
        &in_mail("a.zip", &zip(&[], b"")),
        &[("part 2 > a.zip", "empty")],
        Other::Mail,
    );
    let log = zip(&[File::deflated("mail.log", b"Jan 1 <root@a> ok\n")], b"");
    check_none(
        &in_mail("a.zip", &log),
        &[("part 2 > a.zip", "not_a_report")],
        Other::Mail,
    );
    let hollow = zip(&[File::stored("a.xml", b"")], b"");
    check_none(
        &in_mail("a.zip", &hollow),
        &[("part 2 > a.zip > a.xml", "empty")],
        Other::Mail,
    );
    let office = zip(&[File::deflated("[Content_Types].xml", b"<Types/>")], b"");
    check_none(&in_mail("a.docx", &office), &[], Other::Mail);
    check_none(
        &in_mail("r.example!example.com!1!2.zip", &office),
        &[("part 2 > r.example!example.com!1!2.zip", "not_a_report")],
        Other::Mail,
    );
    check_none(b"unused", &[("file", "not_a_report")], Other::NotMail);
    check_none(b" \r\n", &[("message", "empty")], Other::NotMail);
}

#[test]
fn unsupported_formats_are_named() {
    let check = |bytes: &[u8], detail: &str| {
        let (seen, unpacked) = run(
            &mail("application/octet-stream", "report.bin", bytes),
            &Limits::default(),
        );
        assert!(seen.is_empty());
        assert_eq!(unpacked.problems.len(), 1, "{detail}");
        assert_eq!(
            (unpacked.problems[0].reason, &*unpacked.problems[0].detail),
            (Reason::UnsupportedFormat, detail)
        );
    };
    check(b"7z\xbc\xaf\x27\x1c\0\x04", "7z");
    check(b"Rar!\x1a\x07\x01\0", "rar");
    check(b"BZh91AY&SY\0", "bz2");
    check(b"\xfd7zXZ\0\0", "xz");
    check(b"\x28\xb5\x2f\xfd\x04", "zstd");
    check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "OLE (.msg)");
    check(b"\x78\x9f\x3e\x22\x01", "TNEF (winmail.dat)");
    check(b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", "S/MIME");
    check(
        &zip(
            &[File {
                method: 12,
                ..File::stored("a.xml", b"BZh9")
            }],
            b"",
        ),
        "zip method Bzip2",
    );
    check_none(
        &mail(
            "application/xml",
            "a.xml",
            b"\x78\x9c\x4b\xcb\xcf\x07\0\x02\x82\x01\x45",
        ),
        &[("part 2 > a.xml", "unsupported_format")],
        Other::Mail,
    );
    let signature = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0";
    check_none(
        &mail("application/pkcs7-signature", "smime.p7s", signature),
        &[],
        Other::Mail,
    );
}

#[test]
fn rows_49_to_53_charsets() {
    let text = "<?xml version=\"1.0\" encoding=\"CS\"?><feedback><org_name>Bäckerei</org_name></feedback>";
    let check = |charset: &str, bytes: Vec<u8>| {
        check(&bytes, &[("file", text.replace("CS", charset).as_bytes())]);
        super::tests::check(
            &gzip(&bytes),
            &[("file > gunzipped", text.replace("CS", charset).as_bytes())],
        );
    };
    let utf16 = |charset: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.replace("CS", charset).encode_utf16().flat_map(to).collect()
    };
    check("utf8", text.replace("CS", "utf8").into_bytes());
    check(
        "UTF-8",
        [b"\xef\xbb\xbf", text.replace("CS", "UTF-8").as_bytes()].concat(),
    );
    check("UTF-16", text.replace("CS", "UTF-16").into_bytes());
    check(
        "UTF-16",
        [b"\xff\xfe".to_vec(), utf16("UTF-16", u16::to_le_bytes)].concat(),
    );
    check(
        "UTF-16",
        [b"\xfe\xff".to_vec(), utf16("UTF-16", u16::to_be_bytes)].concat(),
    );
    check("UTF-8", utf16("UTF-8", u16::to_le_bytes));
    check("UTF-16", utf16("UTF-16", u16::to_be_bytes));
    for charset in ["windows-1252", "ISO-8859-1", "latin1"] {
        let latin = text
            .replace("CS", charset)
            .chars()
            .map(|character| character as u8)
            .collect();
        check(charset, latin);
        check(charset, text.replace("CS", charset).into_bytes());
    }
    let invalid = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><feedback>\x91</feedback>".to_vec();
    super::tests::check(&invalid, &[("file", &invalid)]);
}

#[test]
fn a_long_text_is_transcoded_across_chunks() {
    let text = format!(
        "<?xml version='1.0' encoding='windows-1252'?><feedback>{}</feedback>",
        "aé".repeat(200_000)
    );
    let latin: Vec<u8> = text.chars().map(|character| character as u8).collect();
    check(&gzip(&latin), &[("file > gunzipped", text.as_bytes())]);
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(
        &[b"<!-- -->".map(|byte| [0, byte]).concat(), wide].concat(),
        &[("file", format!("<!-- -->{text}").as_bytes())],
    );
}
