use super::memo::Memo;
use super::*;
use crate::report::aggregate::{
    AuthResult, Disposition, Evaluated, PassFail, Policy, Reason, ReasonKind, Record, SpfScope, Window,
};
use proptest::prelude::*;

const HEADER: &str = "<feedback><report_metadata><org_name>Example</org_name><email>r@example.net</email>\
    <report_id>1</report_id><date_range><begin>1700006400</begin><end>1700092799</end></date_range></report_metadata>\
    <policy_published><domain>example.com</domain><p>none</p></policy_published>";

fn record(row: &str, rest: &str) -> String {
    format!(
        "<record><row>{row}<policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>\
         </policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers>\
         <auth_results>{rest}</auth_results></record>"
    )
}

fn plain_record(address: &str, count: u64) -> String {
    record(&format!("<source_ip>{address}</source_ip><count>{count}</count>"), "")
}

fn report(records: &str) -> String {
    format!("{HEADER}{records}</feedback>")
}

fn try_parse(text: &[u8]) -> Result<Parsed, ParseError> {
    parse(&mut || Ok(text), None, &Limits::default())
}

fn parsed(text: impl AsRef<[u8]>) -> Parsed {
    let text = text.as_ref();
    try_parse(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

fn kinds(parsed: &Parsed) -> Vec<WarningKind> {
    parsed.warnings.kept().iter().map(|warning| warning.kind).collect()
}

/// Bytes per read.
struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.1).min(self.0.len());
        out[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

/// As a text that can be compared: `ParseError` holds an `io::Error`.
fn shown(result: Result<Parsed, ParseError>) -> String {
    match result {
        Ok(parsed) => format!("{parsed:#?}"),
        Err(error) => format!("{error}"),
    }
}

fn without_memo(text: &[u8]) -> Result<Parsed, ParseError> {
    let mut scratch = Scratch {
        memo: Memo::disabled(),
        ..Scratch::default()
    };
    let mut first = None;
    parse_with(
        &mut || Ok(Box::new(text)),
        &Shared {
            hints: None,
            limits: &Limits::default(),
            budget: &Budget::of_time(&|_| false),
        },
        &mut scratch,
        &mut |result| {
            first.get_or_insert(result);
        },
    );
    first.expect("at least one result")
}

fn chunked(text: &[u8], len: usize) -> Result<Parsed, ParseError> {
    parse(&mut || Ok(Chunks(text, len)), None, &Limits::default())
}

/// With memo, without, and in pieces: all the same.
fn differential(text: &[u8]) {
    let expect = shown(without_memo(text));
    assert_eq!(
        expect,
        shown(try_parse(text)),
        "memo: {}",
        String::from_utf8_lossy(text)
    );
    for len in [1, 7, 100] {
        assert_eq!(
            expect,
            shown(chunked(text, len)),
            "reads of {len}: {}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one report with everything in it")]
fn a_whole_report() {
    let text = "<?xml version=\"1.0\"?>\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"><version>1.0</version>\
        <report_metadata><org_name>Example &amp; Co</org_name><email>&lt;r@example.net&gt;</email>\
        <report_id>&lt;a@b&gt;</report_id><date_range><end>1700092799</end><begin>1700006400.0</begin></date_range>\
        <error lang=\"en\">x</error><error>y</error><generator>g 1</generator></report_metadata>\
        <policy_published><domain>Example.COM.</domain><p>Reject</p><sp/><np>none</np><adkim>strict</adkim>\
        <pct>50</pct><fo>1:d</fo><testing>y</testing><discovery_method>treewalk</discovery_method></policy_published>\
        <extension><x><domain>evil.example</domain></x></extension>\
        <record><row><count>3</count><source_ip>::ffff:192.0.2.1</source_ip><policy_evaluated>\
        <disposition>pass</disposition><dkim>pass</dkim><spf>Fail</spf>\
        <reason><comment>c</comment><type>local_policy</type></reason><reason>sampled_out</reason><reason><type/></reason>\
        </policy_evaluated></row><identities><envelope_from/><header_from>EXAMPLE.com</header_from></identities>\
        <auth_results><spf><scope>helo</scope><result>hardfail</result></spf>\
        <dkim><result>pass</result><selector>s</selector><domain>example.com</domain></dkim>\
        <spf><domain>x@Example.org</domain><scope>mfrom</scope><result>none</result></spf></auth_results>\
        <category>x</category></record></feedback>\n";
    let Parsed { report, warnings } = parsed(text);
    assert_eq!(report.namespace.as_deref(), Some("urn:ietf:params:xml:ns:dmarc-2.0"));
    assert_eq!(report.version.as_deref(), Some("1.0"));
    assert_eq!(report.metadata.org_name.as_deref(), Some("Example & Co"));
    assert_eq!(report.metadata.email.as_deref(), Some("r@example.net"));
    assert_eq!(&*report.metadata.report_id, "a@b");
    assert_eq!(
        report.metadata.window,
        Window {
            begin: 1_700_006_400,
            end: 1_700_092_799
        }
    );
    assert_eq!(report.metadata.errors.len(), 2);
    assert_eq!(&*report.policy.domain, "example.com");
    assert_eq!((report.policy.p, report.policy.sp), (Some(Policy::Reject), None));
    assert_eq!((report.policy.pct, report.policy.testing), (Some(50), Some(true)));
    assert_eq!(report.records.len(), 1, "{report:#?}");
    let Record {
        source,
        evaluated,
        evidence: 0,
        count: 3,
    } = report.records[0]
    else {
        panic!("{report:#?}")
    };
    assert_eq!(source, Some([192, 0, 2, 1].into()));
    let expect = Evaluated {
        disposition: Some(Disposition::Pass),
        dkim: Some(PassFail::Pass),
        spf: Some(PassFail::Fail),
    };
    assert_eq!(evaluated, expect);
    let evidence = &report.evidence[0];
    assert_eq!(evidence.envelope_from.as_deref(), Some(""));
    assert_eq!(evidence.header_from.as_deref(), Some("example.com"));
    assert_eq!(evidence.dkim[0].selector.as_deref(), Some("s"));
    assert_eq!(
        (evidence.spf[0].result, evidence.spf[0].scope),
        (AuthResult::Fail, Some(SpfScope::Helo))
    );
    assert_eq!(evidence.spf[0].result_raw.as_deref(), Some("hardfail"));
    assert_eq!(evidence.spf[1].domain.as_deref(), Some("example.org"));
    let reason = |kind, comment: Option<&str>| Reason {
        kind,
        kind_raw: None,
        comment: comment.map(Into::into),
    };
    assert_eq!(
        evidence.reasons,
        [
            reason(ReasonKind::LocalPolicy, Some("c")),
            reason(ReasonKind::SampledOut, None)
        ]
    );
    assert!(warnings.kept().iter().map(|it| it.kind).eq([WarningKind::UnknownWord]));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn deviations() {
    use WarningKind::*;
    let one = plain_record("192.0.2.1", 5);
    let check = |text: &str, expect: &[WarningKind], counts: &[u64]| {
        let parsed = parsed(text);
        assert_eq!(kinds(&parsed), expect, "{text}");
        assert_eq!(
            parsed
                .report
                .records
                .iter()
                .map(|record| record.count)
                .collect::<Vec<_>>(),
            counts,
            "{text}"
        );
        differential(text.as_bytes());
    };
    let row = |row: &str| report(&record(row, ""));
    check(&report(&one), &[], &[5]);
    // 49, 55, 56: byte order mark, blank lines, stray characters.
    check(
        &format!("\u{FEFF}\n \n<?xml version='1.0'?>{}", report(&one)),
        &[],
        &[5],
    );
    check(
        &format!("<?xml version=\"1.0\"?>\"{}", report(&one)),
        &[LeadingGarbage],
        &[5],
    );
    // 57: an unclosed wrapper.
    check(&format!("<xs:schema a=\"b\">{}", report(&one)), &[LeadingGarbage], &[5]);
    // 58: data after the root.
    check(&format!("{}\0\0", report(&one)), &[TrailingData], &[5]);
    // 59: truncated.
    check(&format!("{HEADER}{one}<record><row>"), &[Partial], &[5]);
    // 61, 62, 63: unescaped markup.
    let broken = report(&one).replace("r@example.net", "<r@example.net>");
    check(&broken, &[MendedMarkup], &[5]);
    check(
        &report(&one).replace("Example<", "A & B; C & D &nbsp; &xxe;<"),
        &[MendedMarkup, MendedMarkup, UnknownEntity, UnknownEntity],
        &[5],
    );
    // 64: a document type declaration, with an entity that is not expanded.
    check(
        &format!("<!DOCTYPE x [<!ENTITY a \"]>\">]>{}", report(&one)),
        &[DoctypeIgnored],
        &[5],
    );
    // 65, 66, 67: control characters, comments and CDATA, padding.
    check(
        &report(&one).replace("Example<", "Exa\0mple<"),
        &[ControlCharacter],
        &[5],
    );
    check(
        &report(&one).replace(">5<", "> <!-- x -->1<![CDATA[2]]>3 <?x?>\n<"),
        &[],
        &[123],
    );
    // 71, 75: prefixes.
    let prefixed = report(&one).replace('<', "<ns1:").replace("<ns1:/", "</ns1:");
    check(
        &prefixed.replace("<ns1:feedback", "<ns1:feedback xmlns:ns1=\"x\""),
        &[],
        &[5],
    );
    check(&report(&format!("<x:record>{one}</x:record>")), &[NoRecords], &[]);
    // 78, 80, 81: repeated policy, no records, null record.
    check(
        &report("<policy_published><domain>evil.example</domain><p>none</p></policy_published>"),
        &[RepeatedElement, NoRecords],
        &[],
    );
    let null =
        "<record><row><source_ip/><count>0</count><policy_evaluated/></row><identifiers/><auth_results/></record>";
    check(&report(&format!("{null}{one}")), &[EmptyRecord], &[5]);
    // 89: a child element in a leaf.
    check(
        &report(&one).replace("r@example.net", "<a>r@example.net</a>"),
        &[],
        &[5],
    );
    // 93, 101: no id, dates the wrong way round.
    check(
        &report(&one).replace("<report_id>1</report_id>", ""),
        &[ReportIdSynthesised],
        &[5],
    );
    check(
        &report(&one).replace("1700006400", "1800006400"),
        &[WindowSwapped],
        &[5],
    );
    // 110, 111, 114: odd policies.
    check(
        &report(&one).replace("<p>none</p>", "<p>maybe</p><pct>101</pct>"),
        &[UnknownWord, NotANumber, Missing],
        &[5],
    );
    check(
        &report(&one).replace("<domain>example.com</domain>", ""),
        &[Inferred],
        &[5],
    );
    // 116 to 121: odd rows.
    check(&row("<source_ip/><count>5</count>"), &[Missing], &[5]);
    check(
        &row("<source_ip>X.X.X.X</source_ip><count>5</count>"),
        &[OddSourceIp],
        &[5],
    );
    check(
        &row("<source_ip>192.0.2.1</source_ip><count>many</count>"),
        &[NotANumber],
        &[0],
    );
    check(
        &row("<source_ip>192.0.2.1</source_ip><count>1,000</count>"),
        &[NotANumber],
        &[1000],
    );
    // 122, 125: verdicts missing or in other words.
    check(&report(&one).replace("<dkim>pass</dkim>", ""), &[VerdictDerived], &[5]);
    check(
        &report(&one).replace("<spf>fail</spf>", "<spf>softfail</spf>"),
        &[UnknownWord],
        &[5],
    );
    // 135: no results at all.
    check(
        &report(&one).replace("<auth_results></auth_results>", ""),
        &[Missing],
        &[5],
    );
}

#[test]
fn refusals() {
    let check = |text: &str, expect: &str| {
        let error = try_parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind.word(), expect, "{text:.100}");
        differential(text.as_bytes());
    };
    let one = plain_record("192.0.2.1", 5);
    check("", "not_a_report");
    check("hello", "not_a_report");
    check("<html></html>", "not_a_report");
    check("<a></b>", "not_a_report");
    check("<feedback>", "malformed_xml");
    check(HEADER, "malformed_xml");
    check("<feedback/>", "no_metadata");
    check(&report("<<"), "malformed_xml");
    check(
        &report("").replace("<domain>example.com</domain>", ""),
        "no_policy_domain",
    );
    check(&report("").replace("1700006400", "x"), "no_date_range");
    check(
        &report(&one).replace("Example<", &format!("{}<", "x".repeat(65_537))),
        "event_too_large",
    );
    check(
        &report(&format!("<x a=\"{}\"/>", "x".repeat(65_537))),
        "event_too_large",
    );
    check(&report(&format!("<!--{}-->", "x".repeat(65_537))), "event_too_large");
    check(
        &report(&one).replace("Example<", &format!("{}<", "&amp;".repeat(65_537))),
        "event_too_large",
    );
    check(&report(&"<x>".repeat(32)), "too_deep");
    check(&report(&format!("<x{}/>", " a=\"\"".repeat(65))), "too_many_attributes");
    let limits = Limits {
        records_max: 9,
        ..Limits::default()
    };
    let many = report(&one.repeat(10));
    let error = parse(&mut || Ok(many.as_bytes()), None, &limits).unwrap_err();
    assert_eq!(error.kind.word(), "too_many_records");
    let limits = Limits {
        evidence_max: 3,
        ..Limits::default()
    };
    let unlike: String = (0..5)
        .map(|nth| one.replace("example.com", &format!("{nth}.example.com")))
        .collect();
    let unlike = report(&unlike);
    let error = parse(&mut || Ok(unlike.as_bytes()), None, &limits).unwrap_err();
    assert_eq!(error.kind.word(), "too_much_evidence");
}

#[test]
fn hints_fill_gaps() {
    let facts = FileNameFacts::parse("mail.example.net!example.org!1700000000!1700086400.xml").unwrap();
    let text = format!("<feedback>{}</feedback>", plain_record("192.0.2.1", 1));
    let Parsed { report, warnings } = parse(&mut || Ok(text.as_bytes()), Some(&facts), &Limits::default()).unwrap();
    assert_eq!(&*report.policy.domain, "example.org");
    assert_eq!(report.metadata.window, facts.window);
    assert_eq!(report.metadata.org_name.as_deref(), Some("mail.example.net"));
    let inferred = |warning: &&crate::report::aggregate::Warning| warning.kind == WarningKind::Inferred;
    assert_eq!(warnings.kept().iter().filter(inferred).count(), 3);
}

#[test]
fn evidence_is_kept_once() {
    let text = report(&(0..50).map(|n| plain_record("192.0.2.7", n)).collect::<String>());
    let parsed = parsed(&text);
    assert_eq!((parsed.report.records.len(), parsed.report.evidence.len()), (50, 1));
    differential(text.as_bytes());
}

#[test]
fn results_over_the_limit_are_dropped() {
    let results = "<dkim><domain>example.com</domain><result>pass</result></dkim>".repeat(101);
    let text = report(&record("<source_ip>192.0.2.1</source_ip><count>1</count>", &results));
    let parsed = parsed(&text);
    assert_eq!(parsed.report.evidence[0].dkim.len(), 100);
    assert_eq!(kinds(&parsed), [WarningKind::TooManyResults]);
}

#[test]
fn cut_anywhere() {
    let text = report(&(0..12).map(|n| plain_record("192.0.2.7", n + 1)).collect::<String>());
    let records_at: Vec<_> = memchr::memmem::find_iter(text.as_bytes(), "</record>")
        .map(|at| at + 9)
        .collect();
    for len in 0..text.len() {
        let complete = records_at.iter().filter(|at| **at <= len).count();
        match try_parse(&text.as_bytes()[..len]) {
            Ok(parsed) => {
                assert_eq!(parsed.report.records.len(), complete, "{len}");
                assert!(parsed.report.partial && complete > 0);
            }
            Err(error) => assert!(complete == 0, "{len}: {error}"),
        }
    }
}

#[test]
fn a_failing_reader_is_no_end() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::Error::other("limit")),
                len => Ok(len),
            }
        }
    }
    let text = report(&plain_record("192.0.2.1", 1));
    let broken = &text.as_bytes()[..text.len() - 5];
    let error = parse(&mut || Ok(Failing(broken)), None, &Limits::default()).unwrap_err();
    assert_eq!(error.kind.word(), "unreadable");
    let damaged = parse(&mut || Ok(Failing(text.as_bytes())), None, &Limits::default()).unwrap();
    assert_eq!(kinds(&damaged), [WarningKind::ArchiveDamaged]);
}

/// Documents of many records with few shapes, so that the memo has something to do.
fn document() -> impl Strategy<Value = String> {
    let address = prop_oneof![
        Just("192.0.2.1".to_owned()),
        "[0-9]{1,3}\\.0\\.2\\.[0-9]{1,3}",
        Just("2001:db8::1".to_owned()),
        Just("::ffff:192.0.2.9".to_owned()),
        Just(" 192.0.2.3 ".to_owned()),
        Just("192.000.2.1".to_owned()),
        Just(String::new()),
    ];
    let count = prop_oneof![
        Just("1".to_owned()),
        "[0-9]{1,14}",
        Just("x".to_owned()),
        Just("1<!-- -->2".to_owned())
    ];
    let results = prop_oneof![
        Just(""),
        Just("<dkim><domain>a.example</domain><result>pass</result></dkim>"),
        Just("<spf><domain>b.example</domain><scope>mfrom</scope><result>fail</result></spf>"),
        Just("<spf><domain>b.example</domain><result>hardfail</result></spf>"),
        Just("<dkim><human_result>&lt;/record&gt;<![CDATA[</record>]]></human_result></dkim>"),
        Just("<!-- </record> --><spf/>"),
    ];
    let space = prop_oneof![
        Just(""),
        Just("\n  "),
        Just("<!-- x -->"),
        Just("junk"),
        Just("<x><record/></x>")
    ];
    let one = (address, count, results, space, any::<bool>()).prop_map(|(address, count, results, space, swap)| {
        let (first, second) = (
            format!("<source_ip>{address}</source_ip>"),
            format!("<count>{count}</count>"),
        );
        let row = if swap {
            format!("{second}{first}")
        } else {
            format!("{first}{second}")
        };
        format!("{space}{}", record(&row, results))
    });
    prop::collection::vec(one, 0..40).prop_map(|records| report(&records.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memo_changes_nothing(text in document()) {
        differential(text.as_bytes());
    }

    #[test]
    fn nor_in_mutated_documents(
        text in document(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[<>&/a\\-\\[\\]!?\"' =;\u{0}]|</record>|<record>|&amp;|<!--|<!DOCTYPE|<!\\[CDATA\\["), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, with) in &edits {
            let at = at.index(bytes.len());
            bytes.splice(at..(at + with.len() / 2).min(bytes.len()), with.bytes());
        }
        differential(&bytes);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        differential(&bytes);
        differential(&[HEADER.as_bytes(), &bytes, b"</feedback>"].concat());
    }
}
