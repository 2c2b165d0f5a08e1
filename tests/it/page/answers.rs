//! What a visitor wants to know first takes one click; what changed, what is inside of a message, and a domain on one sheet.

use std::fmt::Write as _;

use super::browser::run;
use super::fill;
use crate::domains::named::Named;
use crate::http::{NOW, TestApp};

/// A report of yesterday: a service signs for itself, and not for the domain.
fn unaligned_report() -> String {
    let begin = NOW / 1_000 / 86_400 * 86_400 - 86_400;
    let mut xml = String::new();
    write!(
        xml,
        "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>Reporter</org_name><email>r@reporter.example</email>\
         <report_id>mandrill</report_id><date_range><begin>{begin}</begin><end>{}</end></date_range></report_metadata>\
         <policy_published><domain>example.com</domain><p>none</p></policy_published><record><row>\
         <source_ip>198.2.128.7</source_ip><count>4000</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim>\
         <spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers>\
         <auth_results><dkim><domain>mandrillapp.com</domain><selector>s</selector><result>pass</result></dkim>\
         <spf><domain>mandrillapp.com</domain><result>pass</result></spf></auth_results></record></feedback>",
        begin + 86_399
    )
    .unwrap();
    xml
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_questions_take_one_click_each() {
    let mut named = Named::start();
    named.text("_dmarc.example.com", &["v=DMARC1; p=none"]);
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let domain = fill(&app).await;
    app.upload(&domain, unaligned_report()).await;
    app.post(&format!("/domains/{domain}/verify"), &serde_json::json!({}))
        .await
        .expect(200);
    let change = (
        "v=DMARC1; p=reject; rua=mailto:a@b.example",
        "v=DMARC1; p=none; rua=mailto:a@b.example",
    );
    app.change_record(&domain, 3, change).await;
    // One cause, two messages; another one.
    for broken in [
        "<feedback><report_metadata></wrong>a",
        "<feedback><report_metadata></wrong>c",
        "text",
    ] {
        app.upload(&domain, broken).await;
    }
    let origin = format!("http://{}", app.address);
    let folder = app.folder.path().join("drop");
    std::fs::create_dir_all(folder.join("below")).unwrap();
    for (name, id) in [("a.xml", "dropped-1"), ("below/b.xml", "dropped-2")] {
        let report = crate::http::Sample::new("example.com", id, &[crate::http::PASS]).xml();
        std::fs::write(folder.join(name), report).unwrap();
    }
    run("answers.mjs", &[&origin, &app.key, folder.to_str().unwrap()]).await;
}
