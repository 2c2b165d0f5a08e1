//! JSON: what Postmark and Amazon SNS make of a mail. Any other JSON is a file.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::mail::Rebuilt;
use super::{FILES_MAX, HandedIn, Refusal};

/// The members of both that matter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Hook {
    /// Of Amazon SNS.
    r#type: Option<String>,
    topic_arn: Option<String>,
    message: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    /// Of Postmark.
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
    from: Option<String>,
    subject: Option<String>,
    raw_email: Option<String>,
    #[serde(default, deserialize_with = "attachments")]
    attachments: Option<Vec<Attachment>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    name: Option<String>,
    content_type: Option<String>,
    content: Option<String>,
}

/// What Amazon SES says of a mail, as text in what SNS says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SesNotice {
    notification_type: Option<String>,
    content: Option<String>,
    receipt: Option<Receipt>,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    action: Option<Action>,
}

#[derive(Debug, Deserialize)]
struct Action {
    encoding: Option<String>,
}

/// What was handed in as JSON; `None` if it is not of a provider, so that it is a file.
///
/// # Errors
/// If it is of a provider that does not send the mail itself.
pub(in crate::http) fn of_json(body: &[u8]) -> Result<Option<HandedIn>, Refusal> {
    let Ok(hook) = serde_json::from_slice::<Hook>(body) else {
        return Ok(None);
    };
    match (hook.r#type.as_deref(), &hook.topic_arn, &hook.message_id) {
        (Some("Notification"), Some(_), _) => of_ses(&hook.message.unwrap_or_default()).map(Some),
        (Some("SubscriptionConfirmation"), Some(_), _) => {
            let url = hook.subscribe_url.unwrap_or_default();
            Ok(Some(HandedIn::Confirmation(url)))
        }
        (Some(_), Some(_), _) => Ok(Some(HandedIn::Notice)),
        (_, _, Some(_)) if hook.raw_email.is_some() || hook.attachments.is_some() => Ok(Some(of_postmark(hook))),
        _ => Ok(None),
    }
}

fn of_ses(message: &str) -> Result<HandedIn, Refusal> {
    let Ok(notice) = serde_json::from_str::<SesNotice>(message) else {
        return Ok(HandedIn::Notice);
    };
    // What it says about mail that was sent, and the first message of a topic.
    if notice.notification_type.as_deref() != Some("Received") {
        return Ok(HandedIn::Notice);
    }
    let Some(content) = notice.content else {
        return Err(
            "has no mail in it: use the SNS action of Amazon SES, which sends mail of up to 150 KB along".to_owned(),
        );
    };
    let action = notice.receipt.and_then(|receipt| receipt.action);
    let encoding = action.and_then(|action| action.encoding);
    if !encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
        return Ok(HandedIn::Mail(content.into_bytes()));
    }
    let mail = BASE64_STANDARD.decode(content.trim());
    mail.map(HandedIn::Mail)
        .map_err(|_| "has a mail that is said to be base64, and is not".to_owned())
}

fn of_postmark(hook: Hook) -> HandedIn {
    if let Some(raw) = hook.raw_email.filter(|raw| !raw.is_empty()) {
        return HandedIn::Mail(raw.into_bytes());
    }
    let text = Option::unwrap_or_default;
    let mut mail = Rebuilt::new(&text(hook.from), &text(hook.subject));
    for Attachment {
        name,
        content_type,
        content,
    } in hook.attachments.into_iter().flatten()
    {
        mail.attach_encoded(&text(name), &text(content_type), &text(content));
    }
    HandedIn::Mail(mail.finish())
}

/// A list of as many attachments as a mail may have: a longer one would take many times its own length in memory.
fn attachments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Attachment>>, D::Error> {
    struct Bounded;

    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<Attachment>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {FILES_MAX} attachments")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                if all.len() == FILES_MAX {
                    return Err(serde::de::Error::invalid_length(FILES_MAX + 1, &self));
                }
                all.push(one);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_seq(Bounded).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &serde_json::Value) -> Result<Option<HandedIn>, Refusal> {
        of_json(value.to_string().as_bytes())
    }

    fn sns(message: &serde_json::Value) -> serde_json::Value {
        json!({ "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": message.to_string() })
    }

    #[test]
    fn a_mail_of_amazon_is_read_in_both_encodings() {
        let mail = || Ok(Some(HandedIn::Mail(b"Subject: x\r\n\r\n".to_vec())));
        let plain = json!({ "notificationType": "Received", "content": "Subject: x\r\n\r\n",
            "receipt": { "action": { "type": "SNS", "encoding": "UTF-8" } } });
        assert_eq!(read(&sns(&plain)), mail());
        let base64 = json!({ "notificationType": "Received", "content": "U3ViamVjdDogeA0KDQo=",
            "receipt": { "action": { "type": "SNS", "encoding": "BASE64" } } });
        assert_eq!(read(&sns(&base64)), mail());
        let elsewhere = json!({ "notificationType": "Received", "receipt": { "action": { "type": "S3" } } });
        assert!(read(&sns(&elsewhere)).is_err());
        assert_eq!(
            read(&sns(&json!({ "notificationType": "Bounce" }))),
            Ok(Some(HandedIn::Notice))
        );
        assert_eq!(
            read(&sns(&json!("Successfully validated SNS topic"))),
            Ok(Some(HandedIn::Notice))
        );
        let asks =
            json!({ "Type": "SubscriptionConfirmation", "TopicArn": "arn", "SubscribeURL": "https://sns.example/" });
        assert_eq!(
            read(&asks),
            Ok(Some(HandedIn::Confirmation("https://sns.example/".to_owned())))
        );
    }

    #[test]
    fn other_json_is_a_file() {
        for value in [
            json!({ "organization-name": "x", "policies": [] }),
            json!({ "Type": "Notification" }),
            json!({ "MessageID": "1" }),
            json!({ "MessageID": "1", "Attachments": 5 }),
            json!({ "MessageID": "1", "Attachments": vec![json!({}); FILES_MAX + 1] }),
            json!([]),
        ] {
            assert_eq!(read(&value), Ok(None), "{value}");
        }
        assert_eq!(of_json(b"{"), Ok(None));
    }
}
