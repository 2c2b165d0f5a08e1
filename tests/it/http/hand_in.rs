//! `POST /reports`: reports of any domain of an account, from its owner's programs and from mail providers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tallymark::base::Permission;

use super::posts::report_about;
use super::sample::{form, gzip, mail, zip};
use super::{Answer, Ask, PASS, Sample, TestApp};

/// A report about a day that is `nth` days back.
fn xml(nth: i64) -> Vec<u8> {
    let sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
    let begin = sample.begin - nth * 86_400;
    Sample { begin, ..sample }.xml()
}

struct Hooked {
    app: TestApp,
    domain: String,
    key: String,
}

impl Hooked {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let domain = app.add_domain("example.com").await;
        let key = app.key(Permission::Submit, None).await;
        Self { app, domain, key }
    }

    async fn send(&self, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let ask = Ask::new("POST", "/reports").key(&self.key).body(media_type, body);
        self.app.send(ask).await
    }

    async fn reports(&self) -> Value {
        let list = format!("/domains/{}/dmarc/reports", self.domain);
        self.app.get(&list).await.expect(200)["pagination"]["total"].clone()
    }

    /// Sends what a provider makes of a mail, twice: it counts once, and the provider hears the only status that all of them take
    /// for success.
    async fn forwarded(&self, media_type: &str, body: Vec<u8>) {
        let before = self.reports().await.as_u64().unwrap();
        let first = self.send(media_type, body.clone()).await.expect(200);
        assert_eq!(first["reports"][0]["outcome"], "stored", "{first}");
        assert_eq!(first["reports"][0]["domain_name"], "example.com");
        let again = self.send(media_type, body).await.expect(200);
        assert_eq!((&again["duplicates"], &again["reports"]), (&json!(1), &json!([])));
        assert_eq!(self.reports().await, before + 1);
    }
}

/// A form of text fields, and files with names.
fn fields(texts: &[(&str, &str)], files: &[(&str, &str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, text) in texts {
        body.extend(format!("--form\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes());
    }
    for (name, file, media_type, bytes) in files {
        let head = format!(
            "--form\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--form--\r\n");
    ("multipart/form-data; boundary=form".to_owned(), body)
}

const NAME: &str = "google.com!example.com!1774051200!1774137600.xml.gz";

#[tokio::test]
async fn reports_come_in_every_form_and_find_their_domains() {
    let hooked = Hooked::start().await;
    let other = hooked.app.add_domain("other.example").await;
    for (media_type, body) in [
        ("application/xml", xml(0)),
        ("application/gzip", gzip(&xml(1))),
        ("application/zip", zip(&xml(2))),
        ("message/rfc822", mail(&xml(3))),
        ("application/x-www-form-urlencoded", xml(4)),
    ] {
        let taken = hooked.send(media_type, body).await.expect(201);
        assert_eq!(taken["reports"][0]["outcome"], "stored", "{media_type} {taken}");
    }
    assert_eq!(hooked.reports().await, 5);
    for media_type in ["application/json", "application/tlsrpt+json", "text/plain"] {
        let taken = hooked
            .send(media_type, report_about("other.example", 3))
            .await
            .expect(201);
        let known = if media_type == "application/json" { 0 } else { 1 };
        assert_eq!(
            (taken["tls_reports"].as_array().unwrap().len(), &taken["duplicates"]),
            (1 - known, &json!(known))
        );
    }
    let stats = hooked.app.get(&format!("/domains/{other}/tls/stats")).await.expect(200);
    assert_eq!(stats["reports"], 1);
    // Several in one form, with a result for each; what belongs to no domain waits.
    let (media_type, body) = form(&[&xml(5), &Sample::new("third.example", "r", &[PASS]).xml(), b"neither"]);
    let taken = hooked.send(&media_type, body).await.expect(201);
    let aside = taken["quarantined"].as_array().unwrap();
    assert_eq!(
        (taken["reports"].as_array().unwrap().len(), aside.len()),
        (1, 2),
        "{taken}"
    );
    let third = hooked.app.add_domain("third.example").await;
    let list = hooked
        .app
        .get(&format!("/domains/{third}/dmarc/reports"))
        .await
        .expect(200);
    assert_eq!(list["pagination"]["total"], 1);
}

#[tokio::test]
async fn mailgun_forwards_a_mail_whole_and_in_parts() {
    let hooked = Hooked::start().await;
    let parsed = [
        ("recipient", "dmarc@in.example"),
        ("sender", "noreply-dmarc-support@google.com"),
        ("from", "noreply-dmarc-support@google.com"),
        ("subject", "Report domain: example.com Submitter: google.com"),
        ("body-plain", ""),
        ("attachment-count", "1"),
        ("message-headers", "[[\"Subject\", \"x\"]]"),
    ];
    let file = gzip(&xml(0));
    let (media_type, body) = fields(&parsed, &[("attachment-1", NAME, "application/gzip", &file)]);
    hooked.forwarded(&media_type, body).await;
    let raw = String::from_utf8(mail(&xml(1))).unwrap();
    let (media_type, body) = fields(&[("recipient", "a@b"), ("body-mime", &raw)], &[]);
    hooked.forwarded(&media_type, body).await;
    let whole: String = mail(&xml(2)).iter().map(|byte| format!("%{byte:02X}")).collect();
    let line = format!("recipient=a%40b&sender=c%40d&body-mime={whole}&timestamp=1");
    hooked
        .forwarded("application/x-www-form-urlencoded", line.into_bytes())
        .await;
    // Of other mail, nothing is kept.
    let line = "recipient=a%40b&sender=c%40d&body-plain=Hello+there";
    let taken = hooked.send("application/x-www-form-urlencoded", line).await.expect(200);
    assert_eq!(taken["quarantined"], json!([]));
    assert_eq!(hooked.app.get("/quarantine").await.expect(200)["messages"], json!([]));
}

#[tokio::test]
async fn sendgrid_forwards_a_mail_whole_and_in_parts() {
    let hooked = Hooked::start().await;
    let texts = [
        ("headers", "Subject: x"),
        ("from", "noreply@google.com"),
        ("to", "dmarc@in.example"),
        (
            "envelope",
            "{\"to\":[\"dmarc@in.example\"],\"from\":\"noreply@google.com\"}",
        ),
        ("subject", "Report domain: example.com"),
        ("attachments", "1"),
        ("attachment-info", "{\"attachment1\":{\"filename\":\"a.xml\"}}"),
        ("dkim", "{@google.com : pass}"),
    ];
    let file = zip(&xml(0));
    let logo: &[u8] = &[0x89, b'P', b'N', b'G', 0, 1];
    let files = [
        ("attachment1", "a.zip", "application/zip", &*file),
        ("attachment2", "logo.png", "image/png", logo),
    ];
    let (media_type, body) = fields(&texts, &files);
    hooked.forwarded(&media_type, body).await;
    let raw = String::from_utf8(mail(&xml(1))).unwrap();
    let (media_type, body) = fields(&[("to", "a@b"), ("email", &raw), ("dkim", "none")], &[]);
    hooked.forwarded(&media_type, body).await;
    let (media_type, body) = fields(&texts[..4], &[]);
    let taken = hooked.send(&media_type, body).await.expect(200);
    assert_eq!((&taken["reports"], &taken["quarantined"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn postmark_forwards_a_mail_whole_and_in_parts() {
    let hooked = Hooked::start().await;
    let hook = json!({
        "FromName": "Google", "From": "noreply@google.com", "MessageStream": "inbound", "MessageID": "22c74902-a0c1-4511",
        "Subject": "Report domain: example.com", "TextBody": "", "Headers": [{ "Name": "X-Spam-Score", "Value": "0" }],
        "Attachments": [{ "Name": NAME, "Content": BASE64_STANDARD.encode(gzip(&xml(0))),
            "ContentType": "application/gzip", "ContentLength": 400, "ContentID": "" }],
    });
    hooked
        .forwarded("application/json", hook.to_string().into_bytes())
        .await;
    let mut whole = hook.clone();
    whole["RawEmail"] = json!(String::from_utf8(mail(&xml(1))).unwrap());
    hooked
        .forwarded("application/json", whole.to_string().into_bytes())
        .await;
    let none = json!({ "MessageID": "1", "Subject": "Hello", "Attachments": [] });
    let taken = hooked.send("application/json", none.to_string()).await.expect(200);
    assert_eq!(taken["quarantined"], json!([]));
}

#[tokio::test]
async fn amazon_forwards_a_mail_after_its_owner_agreed() {
    let hooked = Hooked::start().await;
    let sns = |message: &Value| {
        json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:1:in", "Timestamp": "2026-03-23T10:00:00Z",
            "Subject": "Amazon SES Email Receipt Notification", "Message": message.to_string() })
        .to_string()
        .into_bytes()
    };
    let encoded = |mail: Vec<u8>, encoding: &str| {
        let content = match encoding {
            "BASE64" => BASE64_STANDARD.encode(mail),
            _ => String::from_utf8(mail).unwrap(),
        };
        json!({ "notificationType": "Received", "content": content, "mail": { "messageId": "x" },
            "receipt": { "recipients": ["a@b"], "action": { "type": "SNS", "topicArn": "arn", "encoding": encoding } } })
    };
    hooked
        .forwarded("text/plain; charset=UTF-8", sns(&encoded(mail(&xml(0)), "BASE64")))
        .await;
    hooked
        .forwarded("text/plain; charset=UTF-8", sns(&encoded(mail(&xml(1)), "UTF-8")))
        .await;
    let without = json!({ "notificationType": "Received", "receipt": { "action": { "type": "S3" } } });
    hooked
        .send("text/plain", sns(&without))
        .await
        .refused(422, "unprocessable_entity");
    // The address is shown to the owner, and never opened here.
    let url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1";
    let asks = json!({ "Type": "SubscriptionConfirmation", "TopicArn": "arn", "Token": "1", "SubscribeURL": url });
    for _ in 0..2 {
        let taken = hooked
            .send("text/plain; charset=UTF-8", asks.to_string())
            .await
            .expect(200);
        assert_eq!(taken["quarantined"][0]["reason"], "confirmation_wanted");
    }
    let kept = hooked.app.get("/quarantine").await.expect(200)["messages"].clone();
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert!(kept[0]["detail"].as_str().unwrap().ends_with(url), "{kept}");
}

#[tokio::test]
async fn a_provider_shows_its_key_as_a_password() {
    let hooked = Hooked::start().await;
    let nobody = hooked
        .app
        .send(Ask::new("POST", "/reports").body("application/xml", xml(0)))
        .await;
    nobody.refused(401, "unauthorized");
    let asked: Vec<_> = nobody
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let basic = |password: &str| {
        let credentials = BASE64_STANDARD.encode(format!("hook:{password}"));
        Ask::new("POST", "/reports").header("Authorization", &format!("Basic {credentials}"))
    };
    hooked
        .app
        .send(basic(&hooked.key).body("application/xml", xml(0)))
        .await
        .expect(201);
    let wrong = format!("sk_live_{}", "a".repeat(43));
    hooked
        .app
        .send(basic(&wrong).body("application/xml", xml(1)))
        .await
        .refused(401, "unauthorized");
    // Nowhere else is a client asked for one.
    let mut elsewhere = basic(&hooked.app.key);
    (elsewhere.method, elsewhere.path) = ("GET".to_owned(), "/domains".to_owned());
    let refused = hooked.app.send(elsewhere).await;
    refused.refused(401, "unauthorized");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(hooked.reports().await, 1);
}

#[tokio::test]
async fn a_key_of_one_domain_hands_in_for_that_domain() {
    let hooked = Hooked::start().await;
    let other = hooked.app.add_domain("other.example").await;
    let only = hooked.app.domain_id(&other).await;
    let key = hooked.app.key(Permission::Submit, Some(only)).await;
    let send = async |body| {
        let ask = Ask::new("POST", "/reports").key(&key).body("application/xml", body);
        hooked.app.send(ask).await.expect(201)
    };
    let taken = send(xml(0)).await;
    assert_eq!(taken["quarantined"][0]["reason"], "misaddressed", "{taken}");
    let taken = send(Sample::new("other.example", "r", &[PASS]).xml()).await;
    assert_eq!(taken["reports"][0]["domain_id"], other);
    assert_eq!(hooked.reports().await, 0);
}

#[tokio::test]
async fn what_is_nothing_is_refused() {
    let hooked = Hooked::start().await;
    hooked.send("application/xml", "").await.refused(400, "invalid_request");
    hooked
        .send("multipart/form-data", "x")
        .await
        .refused(400, "invalid_request");
    hooked
        .send("multipart/mixed; boundary=x", "x")
        .await
        .refused(415, "unsupported_media_type");
    let (media_type, body) = fields(&[("hello", "there")], &[]);
    assert_eq!(
        hooked
            .send(&media_type, body)
            .await
            .refused(422, "unprocessable_entity"),
        ["body"]
    );
    let many = vec![("attachment1", "a.xml", "text/xml", &b"<a/>"[..]); 101];
    let (media_type, body) = fields(&[], &many);
    hooked
        .send(&media_type, body)
        .await
        .refused(422, "unprocessable_entity");
    let many = vec![("x", "y"); 1_001];
    let (media_type, body) = fields(&many, &[]);
    hooked
        .send(&media_type, body)
        .await
        .refused(422, "unprocessable_entity");
    assert_eq!(hooked.app.get("/quarantine").await.expect(200)["messages"], json!([]));
}
