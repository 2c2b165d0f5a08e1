//! The two kinds of targets, and what each platform of channels is asked for.

use super::super::api::Failure;

/// The two kinds of targets, as addresses of this page name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Webhook,
}

/// Whether a target is told of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl From<bool> for Switch {
    fn from(active: bool) -> Self {
        if active { Self::On } else { Self::Off }
    }
}

/// Whether the installation sends mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mail {
    Sent,
    /// Its operator has not set it up.
    Missing,
}

impl From<bool> for Mail {
    fn from(sends: bool) -> Self {
        if sends { Self::Sent } else { Self::Missing }
    }
}

/// A platform of channels.
#[derive(Debug)]
pub(super) struct Platform {
    /// Its word in the API.
    pub word: &'static str,
    pub title: &'static str,
    pub fields: &'static [Field],
}

/// A setting of a channel.
#[derive(Debug)]
pub(super) struct Field {
    /// The name of its field; behind the dot is the member of `config`.
    pub name: &'static str,
    pub title: &'static str,
    pub example: &'static str,
}

impl Kind {
    pub fn read(word: &str) -> Result<Self, Failure> {
        match word {
            "channel" => Ok(Self::Channel),
            "webhook" => Ok(Self::Webhook),
            _ => Err(Failure::missing()),
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Webhook => "webhook",
        }
    }

    /// The path of a target in the API.
    pub fn below(self, id: &str) -> Result<String, Failure> {
        if !is_plain(id) {
            return Err(Failure::missing());
        }
        Ok(match self {
            Self::Channel => format!("/notification-channels/{id}"),
            Self::Webhook => format!("/webhooks/{id}"),
        })
    }
}

impl Field {
    /// The member of `config`.
    pub fn member(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

/// Whether a text has only the signs that ids have.
pub(super) fn is_plain(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const URL: Field = Field {
    name: "config.webhookUrl",
    title: "URL of the incoming webhook",
    example: "https://",
};

/// The word of the platform whose reader must agree first.
pub(super) const MAIL: &str = "email";

/// In the order in which they are offered.
const PLATFORMS: [Platform; 8] = [
    Platform {
        word: MAIL,
        title: "Email",
        fields: &[Field {
            name: "config.address",
            title: "Address; its owner is asked once",
            example: "alerts@example.com",
        }],
    },
    Platform {
        word: "slack",
        title: "Slack",
        fields: &[URL],
    },
    Platform {
        word: "teams",
        title: "Microsoft Teams",
        fields: &[URL],
    },
    Platform {
        word: "discord",
        title: "Discord",
        fields: &[URL],
    },
    Platform {
        word: "telegram",
        title: "Telegram",
        fields: &[
            Field {
                name: "config.botToken",
                title: "Token of the bot",
                example: "123456:ABC-DEF",
            },
            Field {
                name: "config.chatId",
                title: "Chat: its number, or @ and the name of a channel",
                example: "-1001234567890",
            },
        ],
    },
    Platform {
        word: "mattermost",
        title: "Mattermost",
        fields: &[URL],
    },
    Platform {
        word: "ntfy",
        title: "ntfy",
        fields: &[
            Field {
                title: "URL of the topic",
                example: "https://ntfy.sh/topic",
                ..URL
            },
            Field {
                name: "config.accessToken",
                title: "Access token (optional)",
                example: "tk_…",
            },
        ],
    },
    Platform {
        word: "pagerduty",
        title: "PagerDuty",
        fields: &[
            Field {
                name: "config.routingKey",
                title: "Integration key",
                example: "0123456789abcdef0123456789abcdef",
            },
            Field {
                title: "URL of another service that takes its events (optional)",
                ..URL
            },
        ],
    },
];

/// The platforms of new channels: email only where mail is sent.
pub(super) fn offered(mail: Mail) -> impl Iterator<Item = &'static Platform> {
    PLATFORMS
        .iter()
        .filter(move |platform| mail == Mail::Sent || platform.word != MAIL)
}

/// The platform of a word of the API.
pub(super) fn platform(word: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_is_offered() {
        let mut offered: Vec<_> = PLATFORMS.iter().map(|platform| platform.word).collect();
        let mut known = crate::api::PLATFORMS.to_vec();
        offered.sort_unstable();
        known.sort_unstable();
        assert_eq!(offered, known);
    }
}
