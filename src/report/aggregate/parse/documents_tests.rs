//! Several reports in one text.

use super::*;
use proptest::prelude::*;

/// A report about one message, with `id` as its id and its number of messages.
fn report(id: u32) -> String {
    format!(
        "<feedback><report_metadata><org_name>Example</org_name><email>r@example.net</email><report_id>{id}</report_id>\
         <date_range><begin>1700006400</begin><end>1700092799</end></date_range></report_metadata>\
         <policy_published><domain>example.com</domain><p>none</p></policy_published>{}</feedback>",
        record(id)
    )
}

fn record(count: u32) -> String {
    format!(
        "<record><row><source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated>\
         <disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>\
         <identifiers><header_from>example.com</header_from></identifiers></record>"
    )
}

fn all(text: &str, reads: usize) -> Vec<Result<Parsed, ParseError>> {
    struct Chunks<'a>(&'a [u8], usize);
    impl Read for Chunks<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = out.len().min(self.1).min(self.0.len());
            out[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }
    let mut results = Vec::new();
    let mut open = || Ok(Chunks(text.as_bytes(), reads));
    let budget = Budget::of_time(&|_| false);
    parse_all(&mut open, None, &Limits::default(), &budget, &mut |result| {
        results.push(result)
    });
    results
}

/// Ids of the reports, with `~` if partial; words of the errors.
fn shown(results: &[Result<Parsed, ParseError>]) -> Vec<String> {
    let one = |result: &Result<Parsed, ParseError>| match result {
        Ok(parsed) => format!(
            "{}{}",
            if parsed.report.partial { "~" } else { "" },
            parsed.report.metadata.report_id
        ),
        Err(error) => error.kind.word().to_owned(),
    };
    results.iter().map(one).collect()
}

fn check(text: &str, expect: &[&str]) {
    for reads in [1, 100, usize::MAX] {
        assert_eq!(shown(&all(text, reads)), expect, "{text}");
    }
}

fn has(result: &Result<Parsed, ParseError>, kind: WarningKind) -> bool {
    let warnings = result.as_ref().map(|parsed| parsed.warnings.kept());
    warnings.unwrap_or_default().iter().any(|warning| warning.kind == kind)
}

#[test]
fn every_report_of_a_text_is_read() {
    let declared = |id| format!("<?xml version=\"1.0\"?>\n<!-- <feedback> -->{}\n", report(id));
    let (one, two, three) = (report(1), report(2), report(3));
    check(&declared(1), &["1"]);
    check(&format!("{}{}", declared(1), declared(2)), &["1", "2"]);
    check(&format!("{one}{two}{three}"), &["1", "2", "3"]);
    check(&format!("<reports>{one}\n{two}</reports>"), &["1", "2"]);
    check(
        &format!("<a><b>{one}</b><b>{two}</b></a>\n<a>{three}</a>"),
        &["1", "2", "3"],
    );
    check(&format!("{one}\n-- \nnext:\n{two}"), &["1", "2"]);
    let prefixed = two.replace('<', "<d:").replace("<d:/", "</d:");
    check(&format!("{one}{prefixed}{three}"), &["1", "2", "3"]);
    let upper = format!("{one}<!DOCTYPE feedback>{two}");
    check(&upper, &["1", "2"]);
}

#[test]
fn text_around_reports_is_a_warning() {
    let (one, two) = (report(1), report(2));
    let results = all(&format!("{one}\n-- \nsent by a script\n"), 64);
    assert!(results.len() == 1 && has(&results[0], WarningKind::TrailingData));
    let results = all(&format!("{one}\n<?xml version='1.0'?>\n{two}\n"), 64);
    assert!(
        !results
            .iter()
            .any(|result| has(result, WarningKind::TrailingData) || has(result, WarningKind::LeadingGarbage))
    );
    let results = all(&format!("{one}\n<record/>\n{two}<html>bye</html>"), 64);
    assert!(has(&results[1], WarningKind::LeadingGarbage) && has(&results[1], WarningKind::TrailingData));
    assert!(!has(&results[0], WarningKind::TrailingData));
}

#[test]
fn a_broken_report_takes_none_with_it() {
    let (one, two, three) = (report(1), report(2), report(3));
    let cut = |text: &str, at: &str| text.split(at).next().unwrap().to_owned();
    // The second is broken before its first record, in the third reading none is lost.
    check(&format!("{one}{}", cut(&two, "<record>")), &["1", "malformed_xml"]);
    check(
        &format!("{one}{}{three}", cut(&two, "<policy_published>")),
        &["1", "malformed_xml", "3"],
    );
    check(&format!("{one}{}{three}", cut(&two, "</feedback>")), &["1", "~2", "3"]);
    check(
        &format!("{}{two}{three}", cut(&one, "<record>")),
        &["malformed_xml", "2", "3"],
    );
    // Markup that can be mended, in any of them.
    let odd = |text: &str| text.replace("r@example.net", "<r@example.net>");
    check(&format!("{}{two}{three}", odd(&one)), &["1", "2", "3"]);
    check(&format!("{one}{}{}", odd(&two), odd(&three)), &["1", "2", "3"]);
    // And markup that cannot.
    let crossed = two.replace("</row>", "</identifiers>");
    check(&format!("{one}{crossed}{three}"), &["1", "malformed_xml", "3"]);
    let results = all(&format!("{one}{}", cut(&two, "<record>")), 64);
    let offset = results[1].as_ref().unwrap_err().offset;
    assert!(
        offset > one.len() as u64 && offset <= (one.len() + two.len()) as u64,
        "{offset}"
    );
}

#[test]
fn an_extension_may_have_an_element_of_that_name() {
    let extended = report(1).replace("</row>", "<feedback>five stars</feedback></row>");
    check(&extended, &["1"]);
    let extended = report(1).replace(
        "</policy_published>",
        "<x:feedback xmlns:x='x'><x:row/></x:feedback></policy_published>",
    );
    check(&format!("{extended}{}", report(2)), &["1", "2"]);
}

#[test]
fn the_number_of_reports_is_bounded() {
    let many = report(1).repeat(DOCUMENTS_MAX + 5);
    let results = all(&many, 100_000);
    assert_eq!(results.len(), DOCUMENTS_MAX + 1);
    assert_eq!(shown(&results[DOCUMENTS_MAX..]), ["too_many_reports"]);
    let offset = results[DOCUMENTS_MAX].as_ref().unwrap_err().offset;
    assert_eq!(offset, (report(1).len() * DOCUMENTS_MAX) as u64);
    let broken = "<feedback/>".repeat(1_000_000);
    let results = all(&broken, 100_000);
    assert_eq!(results.len(), FAILED_MAX + 2);
    assert_eq!(shown(&results)[FAILED_MAX + 1], "too_many_reports");
}

#[test]
fn a_date_that_cannot_be_read_is_shown_with_its_place() {
    let text = format!("{}{}", report(1), report(2).replace("1700092799", "12.13.2026"));
    let results = all(&text, 64);
    let error = results[1].as_ref().unwrap_err();
    assert_eq!(error.kind.word(), "no_date_range");
    assert!(error.kind.to_string().contains("\"12.13.2026\""), "{error}");
    assert_eq!(error.offset as usize, text.find("12.13.2026").unwrap());
    // Behind a report that was mended, too: only what was mended moves it.
    let odd = report(1).replace("r@example.net", "<r@example.net>");
    let text = format!("{}{odd}{}", report(3), report(2).replace("1700092799", "12.13.2026"));
    let error = all(&text, 64).remove(2).unwrap_err();
    let at = text.find("12.13.2026").unwrap();
    assert!(
        (at..at + 10).contains(&(error.offset as usize)),
        "{} {at}",
        error.offset
    );
    let long = report(1).replace("1700006400", &"integer ".repeat(50));
    assert!(all(&long, 64)[0].as_ref().unwrap_err().to_string().len() < 250);
}

#[test]
fn a_date_before_2005_is_odd() {
    for (begin, odd) in [
        ("3", true),
        ("1104537599", true),
        ("1104537600", false),
        ("1700006400", false),
    ] {
        let results = all(&report(1).replace("1700006400", begin), 64);
        assert_eq!(has(&results[0], WarningKind::OddDate), odd, "{begin}");
    }
}

proptest! {
    /// Whole reports, each with what may stand behind it: all are read, in their order.
    #[test]
    fn none_is_lost(reports in prop::collection::vec((1u32..900, 0usize..6), 1..8), reads in 1usize..300) {
        let behind = ["", "\n", "<?xml version=\"1.0\"?>", "<!-- > -->", "</r><r>", "-- \ntext"];
        let text: String = reports.iter().map(|(id, nth)| report(*id) + behind[*nth]).collect();
        let expect: Vec<_> = reports.iter().map(|(id, _)| id.to_string()).collect();
        prop_assert_eq!(shown(&all(&text, reads)), expect);
    }

    #[test]
    fn cut_anywhere(at in 0usize..3_000, reads in 1usize..300) {
        let text = format!("<r>{}\n{}{}</r>", report(1), report(2), report(3));
        let at = at.min(text.len());
        let results = all(&text[..at], reads);
        let whole = [1, 2, 3].iter().filter(|id| text.find(&report(**id)).unwrap() + report(**id).len() <= at).count();
        prop_assert!(shown(&results).iter().zip(["1", "2", "3"]).take(whole).all(|(shown, id)| shown == id));
        prop_assert!(results.len() >= whole.max(1));
    }
}
