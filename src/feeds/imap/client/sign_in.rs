//! Signing in, and what a server wants to know of its client before it opens a folder.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Answer, COMMAND_TIME_MAX, Client, ClientError, Done, LITERAL_BYTES_MAX, Namespaces, WireError, within};
use crate::feeds::imap::Authentication;
use crate::feeds::imap::names::quoted;

impl Client {
    /// Signs the user in.
    pub async fn sign_in(&mut self, user: &str, how: &Authentication<'_>) -> Result<(), ClientError> {
        let done = match how {
            Authentication::Login(password) if is_plain_ascii(user) && is_plain_ascii(password) => {
                let login = format!("LOGIN {} {}", quoted(user), quoted(password));
                self.command(&login, COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut |_| Ok(()))
                    .await?
            }
            // A quoted string holds ASCII only; PLAIN holds everything.
            Authentication::Login(password) | Authentication::Plain(password) => {
                self.authenticate("PLAIN", &format!("\0{user}\0{password}"), "").await?
            }
            Authentication::Xoauth2(token) => {
                let initial = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                self.authenticate("XOAUTH2", &initial, "").await?
            }
            Authentication::Oauthbearer(token) => {
                // RFC 7628, 3.1 (and RFC 5801, 4: `,` and `=` in a name).
                let name = user.replace('=', "=3D").replace(',', "=2C");
                let initial = format!("n,a={name},\x01auth=Bearer {token}\x01\x01");
                self.authenticate("OAUTHBEARER", &initial, "\x01").await?
            }
        };
        if !done.is_ok() {
            return Err(ClientError::Login(done.why()));
        }
        self.capabilities.clear();
        self.note_capabilities(&done.code);
        self.ask_capabilities().await?;
        self.introduce().await?;
        self.ask_namespaces().await
    }

    /// Identifies this program (RFC 2971). Some servers open no folder for clients that do not.
    async fn introduce(&mut self) -> Result<(), ClientError> {
        if self.knows_id {
            let version = env!("CARGO_PKG_VERSION");
            self.run(&format!("ID (\"name\" \"Tallymark\" \"version\" \"{version}\")"))
                .await?;
        }
        Ok(())
    }

    /// Asks how names of folders begin (RFC 2342); a server that refuses to say needs no prefix.
    async fn ask_namespaces(&mut self) -> Result<(), ClientError> {
        if !self.can("NAMESPACE") {
            return Ok(());
        }
        let mut found = Namespaces::default();
        let mut on = |answer| {
            if let Answer::Namespaces(namespaces) = answer {
                found = namespaces;
            }
            Ok(())
        };
        self.command("NAMESPACE", COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut on)
            .await?;
        self.namespaces = found;
        Ok(())
    }

    /// SASL: the first answer to the server, and what is said to the reason that it gives before it refuses (RFC 7628,
    /// 3.2.3). That reason is added to the refusal.
    async fn authenticate(&mut self, mechanism: &str, initial: &str, to_reason: &str) -> Result<Done, ClientError> {
        let tag = self.tag();
        self.wire.send(&format!("{tag} AUTHENTICATE {mechanism}\r\n")).await?;
        let mut reason = String::new();
        let mut said = 0;
        let conversation = async {
            loop {
                match self.answer(LITERAL_BYTES_MAX).await? {
                    Answer::Continue(challenge) => {
                        let answer = if said == 0 { initial } else { to_reason };
                        if said > 0 {
                            let text = STANDARD.decode(challenge.trim()).unwrap_or_default();
                            reason = String::from_utf8_lossy(&text).into_owned();
                        }
                        if said > 2 {
                            return Err(WireError::Garbage.into());
                        }
                        said += 1;
                        self.wire.send(&format!("{}\r\n", STANDARD.encode(answer))).await?;
                    }
                    Answer::Status {
                        tag: of,
                        status,
                        code,
                        text,
                    } if of == tag => return Ok(Done { status, code, text }),
                    _ => {}
                }
            }
        };
        let mut done: Done = within(COMMAND_TIME_MAX, conversation).await?;
        if !reason.is_empty() {
            done.text = format!("{} {reason}", done.text);
        }
        Ok(done)
    }
}

fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
