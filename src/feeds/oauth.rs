//! Tokens to sign in with (RFC 6749): asked for over HTTPS, kept until five minutes before they run out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::Failure;
use crate::base::clock::Clock;
use crate::files;
use crate::health::Trouble;
use crate::outbound::{Bounds, Client, Connector, ExchangeError, Post, Url, UrlError, percent_encoded};

/// A longer or later answer is not valid JSON, because it is cut off there.
const BOUNDS: Bounds = Bounds {
    time_max: Duration::from_secs(30),
    answer_bytes_max: 64 * 1024,
};
/// A token is not used in its last minutes.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// RFC 6749, 5.1: `expires_in` is recommended only.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(3_600);

/// Where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OauthSettings {
    /// `https://...`
    pub token_url: String,
    pub grant: Grant,
    pub client_id: String,
    /// `None`: the client has none.
    pub client_secret_file: Option<PathBuf>,
    /// File with the refresh token, for [`Grant::RefreshToken`]. A new token from the server is written to it.
    pub refresh_token_file: PathBuf,
    pub scope: String,
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749, 4.4.
    #[default]
    ClientCredentials,
    /// RFC 6749, 6.
    RefreshToken,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum OauthError {
    #[error("{path}: {source}", path = .path.display())]
    Secret { path: PathBuf, source: std::io::Error },
    #[error("oauth_token_url {0}")]
    Url(#[from] UrlError),
    #[error("token server: {0}")]
    Exchange(#[from] ExchangeError),
    #[error("token server refused: {0}")]
    Refused(String),
}

/// A token.
pub(super) struct Token {
    pub secret: String,
    /// When a new one is due, monotonic.
    pub due_at: Duration,
}

/// What a token server answers, as far as it matters.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Asks for a token.
pub(super) async fn token(clock: &Clock, settings: &OauthSettings, connector: &Connector) -> Result<Token, OauthError> {
    let refresh_token = match settings.grant {
        Grant::ClientCredentials => None,
        Grant::RefreshToken => Some(secret(&settings.refresh_token_file)?),
    };
    let mut form = String::new();
    let grant_type = match refresh_token {
        None => "client_credentials",
        Some(_) => "refresh_token",
    };
    field(&mut form, "grant_type", grant_type);
    field(&mut form, "client_id", &settings.client_id);
    if let Some(path) = &settings.client_secret_file {
        field(&mut form, "client_secret", &secret(path)?);
    }
    if !settings.scope.is_empty() {
        field(&mut form, "scope", &settings.scope);
    }
    if let Some(refresh_token) = &refresh_token {
        field(&mut form, "refresh_token", refresh_token);
    }
    let asked_at = clock.monotonic();
    let url = Url::parse(&settings.token_url)?;
    let post = Post {
        headers: vec![("Accept", "application/json".to_owned())],
        content_type: "application/x-www-form-urlencoded",
        body: form,
    };
    let answered = Client::for_operator(connector.clone(), BOUNDS).post(&url, post).await?;
    let status = answered.status;
    let answer: Answer = serde_json::from_slice(&answered.body)
        .map_err(|_| OauthError::Refused(format!("it answers {status} without the JSON of RFC 6749")))?;
    let Some(secret) = answer.access_token.filter(|_| status == 200) else {
        let word = answer.error.unwrap_or_default();
        let description = answer.error_description.unwrap_or_default();
        return Err(OauthError::Refused(format!("{status} {word} {description}")));
    };
    if let (Grant::RefreshToken, Some(new)) = (settings.grant, answer.refresh_token)
        && Some(&new) != refresh_token.as_ref()
    {
        let path = &settings.refresh_token_file;
        // The old one may have stopped being good with this answer.
        if let Err(error) = files::replace(path, new.as_bytes()) {
            tracing::error!(
                path = %path.display(), %error,
                "the new refresh token cannot be written: sign-in may fail after a restart"
            );
        }
    }
    let lifetime = answer.expires_in.map_or(LIFETIME_DEFAULT, Duration::from_secs);
    Ok(Token {
        secret,
        due_at: asked_at.saturating_add(lifetime - EARLY.min(lifetime / 2)),
    })
}

/// What a file holds, without the line break at its end.
pub(super) fn secret(path: &Path) -> Result<String, OauthError> {
    let text = std::fs::read_to_string(path).map_err(|source| OauthError::Secret {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A field of `application/x-www-form-urlencoded`.
fn field(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    form.push_str(&percent_encoded(value));
}

impl From<OauthError> for Failure {
    fn from(error: OauthError) -> Self {
        let trouble = match &error {
            OauthError::Secret { .. } => Trouble::Secret,
            OauthError::Exchange(ExchangeError::Tls(_)) => Trouble::Tls,
            OauthError::Url(_) | OauthError::Exchange(_) => Trouble::Unreachable,
            OauthError::Refused(_) => Trouble::TokenRefused,
        };
        Self::new(trouble, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded() {
        let mut form = String::new();
        field(&mut form, "a", "x y&z=é~");
        field(&mut form, "b", "");
        assert_eq!(form, "a=x%20y%26z%3D%C3%A9~&b=");
    }

    #[test]
    fn a_secret_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "old\n").unwrap();
        assert_eq!(secret(&path).unwrap(), "old");
        files::replace(&path, b"new").unwrap();
        assert_eq!(secret(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
