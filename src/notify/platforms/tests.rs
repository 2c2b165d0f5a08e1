//! Hostile text stays text in every platform's form, and answers are understood as each platform means them.

use serde_json::{Value, json};

use super::*;
use crate::notify::line::{Line, Severity, Span};

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Secrets(pairs.collect())
}

fn message(foreign: &str) -> Message {
    Message {
        event_id: "evt_1".to_owned(),
        timestamp: "2026-03-23T10:00:00.000Z".to_owned(),
        title: "DMARC report for example.com".to_owned(),
        lines: vec![Line(vec![
            Span::Own("From ".to_owned()),
            Span::Foreign(foreign.to_owned()),
        ])],
        link: Some("https://tally.example/view/dom_1".to_owned()),
        severity: Severity::Warning,
        domain: Some("example.com".to_owned()),
    }
}

const ALL: [(Platform, &[(&str, &str)]); 7] = [
    (Platform::Slack, &[("webhookUrl", "https://hooks.example/a/b")]),
    (Platform::Discord, &[("webhookUrl", "https://hooks.example/a/b")]),
    (Platform::Telegram, &[("botToken", "1:abc"), ("chatId", "-100")]),
    (Platform::Teams, &[("webhookUrl", "https://hooks.example/a/b")]),
    (Platform::Mattermost, &[("webhookUrl", "https://hooks.example/a/b")]),
    (
        Platform::Ntfy,
        &[("webhookUrl", "https://ntfy.example/alerts"), ("accessToken", "tk_1")],
    ),
    (Platform::PagerDuty, &[("routingKey", "key")]),
];

fn sent(platform: Platform, message: &Message) -> Request {
    let (_, settings) = ALL.iter().find(|(other, _)| *other == platform).unwrap();
    request(platform, &secrets(settings), message, &Places::default()).unwrap()
}

fn body(platform: Platform, foreign: &str) -> Value {
    serde_json::from_str(&sent(platform, &message(foreign)).post.body).unwrap()
}

/// Every text of a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn requests_go_where_the_owner_says() {
    let urls = ALL.map(|(platform, _)| sent(platform, &message("x")).url);
    let hook = "https://hooks.example/a/b";
    let telegram = "https://api.telegram.org/bot1:abc/sendMessage";
    let pagerduty = "https://events.pagerduty.com/v2/enqueue";
    assert_eq!(
        urls,
        [hook, hook, telegram, hook, hook, "https://ntfy.example/", pagerduty]
    );
    let ntfy = sent(Platform::Ntfy, &message("x"));
    assert_eq!(ntfy.post.headers, [("Authorization", "Bearer tk_1".to_owned())]);
    assert_eq!(body(Platform::Ntfy, "x")["topic"], "alerts");
    assert_eq!(body(Platform::Telegram, "x")["chat_id"], "-100");
    let pagerduty = body(Platform::PagerDuty, "x");
    assert_eq!(
        (&pagerduty["routing_key"], &pagerduty["dedup_key"]),
        (&json!("key"), &json!("evt_1"))
    );
    let places = Places {
        telegram: "http://127.0.0.1:1".to_owned(),
    };
    let telegram = request(Platform::Telegram, &secrets(ALL[2].1), &message("x"), &places).unwrap();
    assert_eq!(telegram.url, "http://127.0.0.1:1/bot1:abc/sendMessage");
}

/// What each platform would read as markup, as it is sent.
#[test]
fn hostile_text_is_text_on_every_platform() {
    let check = |platform, foreign: &str, expect: &str| {
        let body = body(platform, foreign);
        let found = texts(&body);
        assert!(
            found.iter().any(|text| text.contains(expect)),
            "{platform:?}: {expect} in {found:?}"
        );
    };
    check(Platform::Slack, "<!channel> & *b*", "From &lt;!channel&gt; &amp; *b*");
    let slack = body(Platform::Slack, "<!channel>");
    let kinds: Vec<_> = slack["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["text"]["type"])
        .collect();
    assert_eq!(
        kinds,
        [&json!("plain_text"), &json!("plain_text"), &Value::Null],
        "no markup but the link"
    );
    assert_eq!(slack["mrkdwn"], false);

    check(
        Platform::Discord,
        "@everyone [x](http://a) **b**",
        r"\@everyone \[x\]\(http\:\/\/a\) \*\*b\*\*",
    );
    check(Platform::Discord, "# h\n> q `c`", "\\# h\n\\> q \\`c\\`");
    assert_eq!(body(Platform::Discord, "x")["allowed_mentions"], json!({ "parse": [] }));

    check(
        Platform::Telegram,
        "<a href='x'>&",
        "From <code>&lt;a href='x'&gt;&amp;</code>",
    );
    check(Platform::Telegram, "@name /stop", "<code>@name /stop</code>");

    check(Platform::Mattermost, "@all **b**", "From ` @all **b** `");
    check(Platform::Mattermost, "`` ` @all", "``` `` ` @all ```");

    for platform in [Platform::Teams, Platform::Ntfy, Platform::PagerDuty] {
        check(platform, "<at>x</at> **b** [a](b)", "From <at>x</at> **b** [a](b)");
    }
    let teams = body(Platform::Teams, "**b**");
    let card = &teams["attachments"][0]["content"];
    assert_eq!(card["body"][1]["inlines"][0]["type"], "TextRun", "which has no markup");
    assert_eq!(body(Platform::Ntfy, "x")["markdown"], Value::Null);
}

#[test]
fn bodies_are_within_the_limits_of_platforms() {
    for foreign in [
        "<".repeat(50_000),
        "*".repeat(50_000),
        "`".repeat(50_000),
        "\u{1f600}".repeat(50_000),
    ] {
        let mut long = message(&foreign);
        long.title = foreign.clone();
        let body = |platform| -> Value { serde_json::from_str(&sent(platform, &long).post.body).unwrap() };
        let units = |text: &Value| text.as_str().unwrap().encode_utf16().count();
        let slack = body(Platform::Slack);
        assert!(
            units(&slack["blocks"][0]["text"]["text"]) <= 150 && units(&slack["blocks"][1]["text"]["text"]) <= 3_000
        );
        let embed = &body(Platform::Discord)["embeds"][0];
        assert!(units(&embed["title"]) <= 256 && units(&embed["description"]) <= 4_096);
        assert!(units(&body(Platform::Telegram)["text"]) <= 4_096);
        assert!(units(&body(Platform::Mattermost)["text"]) <= 16_383);
        assert!(body(Platform::Ntfy)["message"].as_str().unwrap().len() <= 4_096);
        assert!(sent(Platform::Teams, &long).post.body.len() <= 28_000);
        assert!(units(&body(Platform::PagerDuty)["payload"]["summary"]) <= 1_024);
    }
}

#[test]
fn answers_mean_what_each_platform_means() {
    let check = |platform, status, body: &str, expect: &Meaning| {
        let answer = Answer {
            status,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        assert_eq!(meaning(platform, &answer), *expect, "{platform:?} {status} {body}");
    };
    let again = Meaning::Failed(None);
    let after = |seconds| Meaning::Failed(Some(Duration::from_secs(seconds)));
    let gone = |text: &str| Meaning::Gone(text.to_owned());
    check(Platform::Slack, 200, "ok", &Meaning::Accepted);
    check(Platform::Slack, 400, "invalid_payload", &again);
    check(
        Platform::Slack,
        404,
        "no_service",
        &gone("Slack answered 404: the channel does not exist any more"),
    );
    check(
        Platform::Slack,
        410,
        "channel_is_archived",
        &gone("Slack answered 410: the channel does not exist any more"),
    );
    check(Platform::Discord, 204, "", &Meaning::Accepted);
    check(Platform::Discord, 429, "{\"retry_after\":0.3}", &after(1));
    check(
        Platform::Discord,
        404,
        "{}",
        &gone("Discord answered 404: the channel does not exist any more"),
    );
    check(Platform::Telegram, 200, "{\"ok\":true}", &Meaning::Accepted);
    check(Platform::Telegram, 200, "{\"ok\":false}", &again);
    check(Platform::Telegram, 200, "<html>", &again);
    check(
        Platform::Telegram,
        429,
        "{\"ok\":false,\"parameters\":{\"retry_after\":35}}",
        &after(35),
    );
    check(Platform::Telegram, 400, "{\"ok\":false}", &again);
    check(
        Platform::Telegram,
        401,
        "{}",
        &gone("Telegram answered 401: the bot token is not valid"),
    );
    check(
        Platform::Telegram,
        403,
        "{}",
        &gone("Telegram answered 403: the bot may not write to the chat"),
    );
    check(Platform::Teams, 202, "", &Meaning::Accepted);
    check(Platform::Mattermost, 404, "", &again);
    check(Platform::Ntfy, 200, "{}", &Meaning::Accepted);
    check(Platform::PagerDuty, 202, "{}", &Meaning::Accepted);
    for platform in Platform::ALL {
        check(*platform, 302, "", &again);
        check(*platform, 503, "{\"retry_after\":\"x\"}", &again);
        // More than a time can be, and less than none.
        check(*platform, 429, "{\"retry_after\":1e99}", &again);
        check(*platform, 429, "{\"retry_after\":-5}", &again);
    }
}

/// The text of a mail has no markup; its HTML has none of a stranger's.
#[test]
fn hostile_text_is_text_in_mail() {
    let hostile = "<img src=http://evil.example/x onerror=alert(1)></bdi><a href=\"http://evil.example\">&amp;";
    let mail = mail(&message(hostile));
    assert_eq!(mail.subject, "DMARC report for example.com");
    assert!(
        mail.text
            .starts_with(&format!("From {hostile}\n\nOpen in Tallymark: https://")),
        "{}",
        mail.text
    );
    let html = mail.content.into_string();
    assert!(html.contains("<bdi>&lt;img src=http://evil.example/x"), "{html}");
    assert!(!html.contains("<img") && html.matches("<a ").count() == 1, "{html}");
    assert!(html.contains("&amp;amp;"), "{html}");
    assert!(
        request(
            Platform::Email,
            &secrets(&[("address", "a@b.example")]),
            &message("x"),
            &Places::default()
        )
        .is_none()
    );
}
