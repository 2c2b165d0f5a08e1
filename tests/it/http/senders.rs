//! `/dmarc/sources`, `/services`, `/flows` and `/subdomains`: names, ways, filters and sums.

use std::collections::BTreeMap;

use serde_json::Value;

use tallymark::base::Permission;

use super::Ask;
use super::app::TestApp;
use super::sample::{BEGIN, Sample};

/// A record: From domain, address, messages, own signature, foreign signature, MAIL FROM domain; the last three only if
/// they passed.
pub type Sent<'s> = (&'s str, &'static str, u64, bool, &'s str, &'s str);

/// Own mail, three services (aligned; with a signature of its own alone; on another's network), a forwarder, a list, and
/// spoofed mail with a copied signature.
const SENT: [Sent<'static>; 7] = [
    ("example.com", "198.51.100.1", 1_000, true, "", "example.com"),
    (
        "news.example.com",
        "167.89.0.1",
        400,
        true,
        "sendgrid.net",
        "example.com",
    ),
    (
        "example.com",
        "54.240.8.1",
        80,
        false,
        "amazonses.com",
        "eu-west-1.amazonses.com",
    ),
    ("news.example.com", "54.240.8.1", 60, true, "mailgun.org", "mailgun.org"),
    ("example.com", "209.85.220.41", 12, true, "", "gmail.com"),
    (
        "example.com",
        "203.0.113.9",
        7,
        false,
        "googlegroups.com",
        "googlegroups.com",
    ),
    ("example.com", "203.0.113.50", 41, false, "", ""),
];

pub fn report(id: &str, day: i64, sent: &[Sent<'_>]) -> Vec<u8> {
    let sample = Sample {
        begin: BEGIN - day * 86_400,
        ..Sample::new("example.com", id, &[])
    };
    let text = String::from_utf8(sample.xml()).unwrap();
    let (head, tail) = text.split_once("</feedback>").unwrap();
    let word = |passed: bool| if passed { "pass" } else { "fail" };
    let records: String = sent
        .iter()
        .map(|(from, source, count, own, signer, mail_from)| {
            let spf_aligned = *mail_from == "example.com";
            let dkim = |name: &str, passed: bool| {
                format!(
                    "<dkim><domain>{name}</domain><selector>s1</selector><result>{}</result></dkim>",
                    word(passed)
                )
            };
            let foreign = match *signer {
                "" => dkim("sendgrid.net", false),
                name => dkim(name, true),
            };
            let spf = match *mail_from {
                "" => "<spf><domain>spoofer.example</domain><scope>mfrom</scope><result>fail</result></spf>".to_owned(),
                name => format!("<spf><domain>{name}</domain><scope>mfrom</scope><result>pass</result></spf>"),
            };
            format!(
                "<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated>\
                 <disposition>none</disposition><dkim>{}</dkim><spf>{}</spf></policy_evaluated></row>\
                 <identifiers><header_from>{from}</header_from></identifiers>\
                 <auth_results>{}{foreign}{spf}</auth_results></record>",
                word(*own),
                word(spf_aligned),
                dkim("example.com", *own),
            )
        })
        .collect();
    format!("{head}{records}</feedback>{tail}").into_bytes()
}

pub async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, report("r1", 0, &SENT)).await;
    app.upload(&id, report("r2", 1, &SENT[..3])).await;
    (app, id)
}

pub async fn rows(app: &TestApp, path: &str, list: &str) -> Vec<Value> {
    app.get(path).await.expect(200)[list].as_array().unwrap().clone()
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_flows_and_subdomains_have_the_sums_of_the_domain() {
    let (app, id) = app().await;
    let dmarc = format!("/domains/{id}/dmarc");
    for range in ["?days=30", "?days=2", "?from=2026-03-21&to=2026-03-21"] {
        let stats = app.get(&format!("{dmarc}/stats{range}")).await.expect(200);
        for (path, list) in [
            ("sources", "sources"),
            ("services", "services"),
            ("services", "flows"),
            ("flows", "flows"),
            ("subdomains", "subdomains"),
        ] {
            let rows = rows(&app, &format!("{dmarc}/{path}{range}"), list).await;
            let sums = [
                sum(&rows, "count"),
                sum(&rows, "fail_count"),
                sum(&rows, "dkim_aligned"),
                sum(&rows, "spf_aligned"),
            ];
            let expect = ["total_messages", "failed_messages", "dkim_aligned", "spf_aligned"];
            let expect = expect.map(|name| stats[name].as_u64().unwrap());
            assert_eq!(sums, expect, "{path} {range}");
            if list != "flows" {
                let of_flows = rows
                    .iter()
                    .flat_map(|row| row["flows"].as_object().unwrap().values().cloned());
                let of_flows: u64 = of_flows.map(|count| count.as_u64().unwrap()).sum();
                assert_eq!(of_flows, sums[0], "{path} {range}");
            }
        }
    }
}

/// Sums of the counts in bodies of flows.
fn flow_sums<'v>(flows: impl IntoIterator<Item = &'v Value>) -> Vec<(String, u64)> {
    let mut sums = BTreeMap::new();
    for (flow, count) in flows.into_iter().flat_map(|flows| flows.as_object().unwrap()) {
        *sums.entry(flow.clone()).or_default() += count.as_u64().unwrap();
    }
    sums.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_have_flows_when_they_are_asked_for() {
    let (app, id) = app().await;
    // The signature's home is known from the time before the range, too.
    app.upload(&id, report("r3", 20, &[SENT[0]; 3])).await;
    let dmarc = format!("/domains/{id}/dmarc");
    for range in ["?days=30", "?days=2", "?days=1", "?from=2026-03-21&to=2026-03-21"] {
        let plain = app.get(&format!("{dmarc}/stats{range}")).await.expect(200);
        assert!(plain.get("flows").is_none(), "{plain}");
        let mut stats = app
            .get(&format!("{dmarc}/stats{range}&include=flows"))
            .await
            .expect(200);
        let days = stats["daily_stats"].as_array().unwrap().clone();
        for day in &days {
            let messages = day["pass"].as_u64().unwrap() + day["fail"].as_u64().unwrap();
            let flows = flow_sums([&day["flows"]]);
            assert_eq!(flows.iter().map(|(_, count)| count).sum::<u64>(), messages, "{day}");
            assert_eq!(flows.len(), 9, "{day}");
        }
        let listed = rows(&app, &format!("{dmarc}/flows{range}"), "flows").await;
        let mut listed: Vec<_> = listed
            .iter()
            .map(|row| (row["flow"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
            .collect();
        listed.sort();
        assert_eq!(flow_sums(days.iter().map(|day| &day["flows"])), listed, "{range}");
        assert_eq!(flow_sums([&stats["flows"]]), listed, "{range}");

        let csv = app.get(&format!("{dmarc}/stats{range}&include=flows&format=csv")).await;
        let csv = String::from_utf8(csv.body).unwrap();
        let mut lines = csv.lines();
        assert_eq!(
            lines.next().unwrap(),
            "date,pass,fail,direct,service_flow,list,forwarded,own_missing_in_spf,open,unaligned,unknown"
        );
        for (line, day) in lines.by_ref().zip(&days) {
            let flows = &day["flows"];
            let expect = format!(
                "{},{},{},{},{}",
                day["date"].as_str().unwrap(),
                day["pass"],
                day["fail"],
                flows["direct"],
                flows["service"]
            );
            assert!(line.starts_with(&expect), "{line} {expect}");
        }
        assert_eq!(csv.lines().count(), days.len() + 1);

        // Apart from the flows, both answers are the same.
        stats.as_object_mut().unwrap().remove("flows");
        for day in stats["daily_stats"].as_array_mut().unwrap() {
            day.as_object_mut().unwrap().remove("flows");
        }
        assert_eq!(stats, plain);
    }
    let refused = app.get(&format!("{dmarc}/stats?include=odd")).await.expect(422);
    assert!(refused.to_string().contains("must be one of flows"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_has_its_name_its_evidence_and_its_way() {
    let (app, id) = app().await;
    let services = rows(&app, &format!("/domains/{id}/dmarc/services"), "services").await;
    for (name, evidence, fact, flow, class, count, pass) in [
        (
            "198.51.100.0/24",
            "network",
            "198.51.100.0/24",
            "direct",
            "own",
            2_000,
            2_000,
        ),
        ("Twilio SendGrid", "dkim", "sendgrid.net", "direct", "service", 800, 800),
        ("Amazon SES", "dkim", "amazonses.com", "unaligned", "service", 160, 0),
        ("Mailgun", "dkim", "mailgun.org", "service", "service", 60, 60),
        (
            "Gmail (gmail.com)",
            "mail_from",
            "gmail.com",
            "forwarded",
            "forwarder",
            12,
            12,
        ),
        (
            "203.0.113.0/24",
            "network",
            "203.0.113.0/24",
            "unknown",
            "unknown",
            41,
            0,
        ),
    ] {
        let row = services
            .iter()
            .find(|row| row["name"].as_str().unwrap().starts_with(name));
        let row = row.unwrap_or_else(|| panic!("{name} is not in {services:#?}"));
        let found = ["evidence", "evidence_fact", "flow", "class"].map(|field| row[field].as_str().unwrap());
        assert_eq!(found, [evidence, fact, flow, class], "{name}");
        assert_eq!(
            (&row["count"], &row["pass_count"]),
            (&count.into(), &pass.into()),
            "{name}"
        );
    }
    let list = services.iter().find(|row| row["flow"] == "list").unwrap();
    assert_eq!((&list["count"], &list["evidence"]), (&7.into(), &"dkim".into()));
    let flows = rows(&app, &format!("/domains/{id}/dmarc/flows"), "flows").await;
    let unknown = flows.iter().find(|row| row["flow"] == "unknown").unwrap();
    assert_eq!((&unknown["count"], &unknown["pass_count"]), (&41.into(), &0.into()));
    for (part, expect) in [("to_fix", 1), ("unknown", 1), ("forwarded", 2)] {
        let path = format!("/domains/{id}/dmarc/services?show={part}");
        assert_eq!(rows(&app, &path, "services").await.len(), expect, "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_found_by_name_way_network_and_what_failed() {
    let (app, id) = app().await;
    let dmarc = format!("/domains/{id}/dmarc");
    for (query, expect) in [
        ("service=amazon%20ses", vec!["54.240.8.1"]),
        ("service=Amazon", vec![]),
        ("category=transactional", vec!["167.89.0.1", "54.240.8.1"]),
        ("flow=unaligned", vec!["54.240.8.1"]),
        ("flow=service", vec!["54.240.8.1"]),
        ("flow=unknown&failed=both", vec!["203.0.113.50"]),
        ("asn=14618", vec!["54.240.8.1"]),
        ("asn=64500", vec![]),
        ("failed=both&network=54.240.0.0/16", vec!["54.240.8.1"]),
        ("search=SENDGRID", vec!["167.89.0.1"]),
        ("search=220.41", vec!["209.85.220.41"]),
        ("failed=dkim&sort=fail_count&per_page=1", vec!["54.240.8.1"]),
    ] {
        let list = app.get(&format!("{dmarc}/sources?{query}")).await.expect(200);
        let sources = list["sources"].as_array().unwrap();
        let found: Vec<_> = sources.iter().map(|row| row["source_ip"].as_str().unwrap()).collect();
        assert_eq!(found, expect, "{query}");
        if !query.contains("per_page") {
            assert_eq!(list["total"], expect.len(), "{query}");
        }
    }
    let one = app.get(&format!("{dmarc}/sources/54.240.8.1")).await.expect(200)["source"].clone();
    assert_eq!((&one["asn"], &one["service"]), (&14_618.into(), &"Amazon SES".into()));
    assert_eq!(
        (&one["flows"]["unaligned"], &one["flows"]["service"]),
        (&160.into(), &60.into())
    );
    let of_list = rows(&app, &format!("{dmarc}/sources?search=54.240.8.1"), "sources").await;
    assert_eq!(of_list, [one], "a page of one says the same as the list");
    for query in [
        "category=odd",
        "flow=odd",
        "failed=odd",
        "asn=0",
        "asn=4294967295",
        "search=",
        "service=%00",
    ] {
        app.get(&format!("{dmarc}/sources?{query}"))
            .await
            .refused(422, "unprocessable_entity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subdomains_say_which_of_them_the_key_may_see() {
    let (app, id) = app().await;
    let path = format!("/domains/{id}/dmarc/subdomains");
    let found = rows(&app, &path, "subdomains").await;
    let names: Vec<_> = found.iter().map(|row| row["header_from"].as_str().unwrap()).collect();
    assert_eq!(names, ["example.com", "news.example.com"]);
    assert_eq!((sum(&found[1..], "count"), &found[1]["sources"]), (860, &2.into()));
    assert_eq!(
        (&found[0]["registered"], &found[1]["registered"]),
        (&true.into(), &false.into())
    );
    app.add_domain("news.example.com").await;
    let registered = async |key: &str| {
        let list = app.send(Ask::new("GET", &path).key(key)).await.expect(200);
        list["subdomains"][1]["registered"].as_bool().unwrap()
    };
    assert!(registered(&app.key).await);
    let only = app.key(Permission::FullAccess, Some(app.domain_id(&id).await)).await;
    assert!(!registered(&only).await, "a key of one domain does not learn of others");
}
