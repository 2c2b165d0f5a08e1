//! What the owner of a channel says about it: names, forms, and what of it is shown.

use std::collections::BTreeMap;

use crate::base::{MailAddress, text};
use crate::outbound::{URL_BYTES_MAX, Url};
use crate::store::Platform;

/// Longest token, bytes.
const TOKEN_BYTES_MAX: usize = 200;
/// Longest topic of ntfy.
const TOPIC_BYTES_MAX: usize = 64;
/// A secret shorter than this is not shown at all; of a longer one the end is.
const LONG_ENOUGH: usize = 20;
const SHOWN_END: usize = 4;

/// A setting of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in `config`.
    pub name: &'static str,
    pub is_required: bool,
    /// Whether requests go there.
    pub is_url: bool,
    /// Its form; the second is the rest of a sentence.
    is_valid: fn(&str) -> bool,
    form: &'static str,
    mask: fn(&str) -> String,
}

impl Field {
    /// Checks the form of a value.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence.
    pub fn check(&self, value: &str) -> Result<(), &'static str> {
        match (self.is_valid)(value) {
            true => Ok(()),
            false => Err(self.form),
        }
    }
}

const URL: Field = Field {
    name: "webhookUrl",
    is_required: true,
    is_url: true,
    is_valid: |value| value.len() <= URL_BYTES_MAX,
    form: "is too long",
    mask: url_mask,
};
const TOPIC_URL: Field = Field {
    is_valid: is_topic,
    form: "must be the URL of a topic, as https://ntfy.sh/my-topic is one",
    ..URL
};
const BOT_TOKEN: Field = Field {
    name: "botToken",
    is_required: true,
    is_url: false,
    is_valid: is_bot_token,
    form: "must be a token of Telegram's BotFather, as 123456:ABC-DEF is one",
    // What is before the colon is the number of the bot, which is public.
    mask: |token| format!("{}:\u{2026}", token.split(':').next().unwrap_or_default()),
};
const CHAT_ID: Field = Field {
    name: "chatId",
    is_required: true,
    is_url: false,
    is_valid: is_chat,
    form: "must be the number of a chat, or @ and the name of a channel",
    mask: str::to_owned,
};
const ACCESS_TOKEN: Field = Field {
    name: "accessToken",
    is_required: false,
    is_url: false,
    is_valid: is_token,
    form: "must be a token of 1 to 200 visible ASCII characters",
    mask: end_mask,
};
const ROUTING_KEY: Field = Field {
    name: "routingKey",
    is_required: true,
    ..ACCESS_TOKEN
};
const OTHER_URL: Field = Field {
    is_required: false,
    ..URL
};

const MAIL_ADDRESS: Field = Field {
    name: "address",
    is_required: true,
    is_url: false,
    is_valid: |value| MailAddress::parse(value).is_ok(),
    form: "must be a plain address, as in alerts@example.com",
    // Its owner typed it, and is asked under it.
    mask: str::to_owned,
};

/// The settings of a platform.
pub fn fields(platform: Platform) -> &'static [Field] {
    match platform {
        Platform::Slack | Platform::Discord | Platform::Teams | Platform::Mattermost => &[URL],
        Platform::Telegram => &[BOT_TOKEN, CHAT_ID],
        Platform::Ntfy => &[TOPIC_URL, ACCESS_TOKEN],
        Platform::PagerDuty => &[ROUTING_KEY, OTHER_URL],
        Platform::Email => &[MAIL_ADDRESS],
    }
}

/// The settings of a channel, in plain text. They are never logged.
#[derive(Clone, Default)]
pub(in super::super) struct Secrets(pub BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Empty if it has none.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn url(&self) -> &str {
        self.get(URL.name)
    }
}

/// The settings of a channel without what must not be seen.
pub(in super::super) fn summary(platform: Platform, secrets: &Secrets) -> BTreeMap<String, String> {
    let set = fields(platform).iter().filter_map(|field| {
        let value = secrets.0.get(field.name)?;
        Some((field.name.to_owned(), (field.mask)(value)))
    });
    set.collect()
}

/// Scheme and host. The path of such a URL is the secret.
fn url_mask(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else {
        return end_mask("");
    };
    let origin = url.len() - url.split_once("://").map_or("", |(_, rest)| rest).len();
    format!("{}{}/{}", &url[..origin], parsed.authority(), end_mask(&parsed.target))
}

fn end_mask(secret: &str) -> String {
    let end = match secret.len() {
        LONG_ENOUGH.. => &secret[secret.floor_char_boundary(secret.len() - SHOWN_END)..],
        _ => "",
    };
    format!("\u{2026}{}", text::escaped(end))
}

/// A server and one name behind it. Other servers of ntfy may be below a path.
fn is_topic(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let topic = rest
        .trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(_, topic)| topic);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_plain = !rest.contains(['?', '#']);
    url.len() <= URL_BYTES_MAX
        && is_plain
        && !topic.is_empty()
        && topic.len() <= TOPIC_BYTES_MAX
        && topic.bytes().all(is_part)
}

/// Nothing that could lead to another path.
fn is_bot_token(token: &str) -> bool {
    let Some((bot, secret)) = token.split_once(':') else {
        return false;
    };
    let is_secret = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=20).contains(&bot.len())
        && bot.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=TOKEN_BYTES_MAX).contains(&secret.len())
        && secret.bytes().all(is_secret)
}

fn is_chat(chat: &str) -> bool {
    if let Some(name) = chat.strip_prefix('@') {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        return (1..=64).contains(&name.len()) && name.bytes().all(is_name);
    }
    chat.parse::<i64>().is_ok_and(|number| number.to_string() == chat)
}

fn is_token(token: &str) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_lets_no_one_in() {
        let check = |platform, settings: &[(&str, &str)], shown: &[&str]| {
            let pairs = settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let summary = summary(platform, &Secrets(pairs.collect()));
            assert_eq!(summary.values().collect::<Vec<_>>(), shown);
        };
        let slack = "https://hooks.slack.com/services/T0/B0/abcdefghijklmnopqrstwxyz";
        check(
            Platform::Slack,
            &[("webhookUrl", slack)],
            &["https://hooks.slack.com/\u{2026}wxyz"],
        );
        let short = [("webhookUrl", "http://[::1]:9/abc")];
        check(Platform::Discord, &short, &["http://[::1]:9/\u{2026}"]);
        let telegram = [("botToken", "123456:ABCDEFGHIJKLMNOPQRSTUVWX"), ("chatId", "-100123")];
        check(Platform::Telegram, &telegram, &["123456:\u{2026}", "-100123"]);
        check(
            Platform::PagerDuty,
            &[("routingKey", "0123456789abcdef0123456789abcdef")],
            &["\u{2026}cdef"],
        );
        assert!(!format!("{:?}", Secrets([("a".to_owned(), "hush".to_owned())].into())).contains("hush"));
    }

    #[test]
    fn settings_have_forms() {
        let valid = |platform, nth: usize, value| fields(platform)[nth].check(value).is_ok();
        for (token, fits) in [
            ("123456:ABC-DEF_1", true),
            ("123456", false),
            ("123456:", false),
            (":ABC", false),
            ("12a:ABC", false),
            ("1:a/../b", false),
            ("1:a?b", false),
            ("1:a b", false),
        ] {
            assert_eq!(valid(Platform::Telegram, 0, token), fits, "{token}");
        }
        for (chat, fits) in [
            ("-1001234567890", true),
            ("42", true),
            ("@channel_1", true),
            ("channel", false),
            ("@", false),
            ("+42", false),
            ("0042", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(valid(Platform::Telegram, 1, chat), fits, "{chat}");
        }
        assert!(
            valid(Platform::Ntfy, 1, "tk_abc")
                && !valid(Platform::Ntfy, 1, "tk\r\nX: y")
                && !valid(Platform::Ntfy, 1, "")
        );
    }
}
