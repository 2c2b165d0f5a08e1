//! Messages that could not be fetched are fetched again one by one, a few times.

use super::moving::note_return;
use super::{Round, item};
use crate::feeds::imap::client::{ClientError, Size};
use crate::feeds::imap::returned::Fingerprint;
use crate::feeds::outcome::{Disposal, Failure};
use crate::feeds::reading::ATTEMPTS_MAX;
use crate::store::{ItemState, MailboxItem};

/// What came of trying a message.
enum Tried {
    /// It is tried again later.
    Later,
    /// It is no longer there.
    Gone,
    /// It is committed or quarantined.
    Done(Disposal),
    /// It is committed or quarantined, and the connection was lost over it.
    ConnectionLost { disposal: Disposal, failure: Failure },
}

/// What came of fetching a message by itself.
enum Single {
    /// It is no longer there.
    Gone,
    /// It was fetched and handed in.
    Done(Disposal),
    /// It was not fetched. `lost`: neither is anything else on this connection.
    Failed { why: String, lost: Option<Failure> },
}

impl Single {
    /// A server that refuses one command answers the next one; after any other fault the connection is of no more use.
    fn failed(error: ClientError) -> Self {
        let why = error.to_string();
        let lost = match error {
            ClientError::Refused { .. } => None,
            error => Some(error.into()),
        };
        Self::Failed { why, lost }
    }
}

impl Round<'_> {
    /// Tries every message again that is due.
    pub(super) async fn try_again(&mut self) -> Result<(), Failure> {
        let items = self.reading.store().mailbox_items(&self.reading.key).await?;
        for MailboxItem {
            item: name,
            state,
            attempts,
        } in items
        {
            let (ItemState::Again, Ok(uid)) = (state, name.parse::<u32>()) else {
                continue;
            };
            match self.try_one(uid, attempts.saturating_add(1)).await? {
                Tried::Later => continue,
                Tried::Gone => self.remember(None, &[], &[name]).await?,
                Tried::Done(disposal) => self.settle(uid, name, &disposal).await?,
                Tried::ConnectionLost { disposal, failure } => {
                    match destination(&disposal) {
                        Some(state) => self.remember(None, &[item(uid, state, 0)], &[]).await?,
                        None => self.remember(None, &[], &[name]).await?,
                    }
                    return Err(failure);
                }
            }
            self.reading.progressed();
        }
        Ok(())
    }

    /// Tries for the nth time. Each try is counted before it is made: it may be the last thing that happens.
    ///
    /// # Errors
    /// Also if it is to be tried again and the connection was lost.
    async fn try_one(&mut self, uid: u32, nth: u32) -> Result<Tried, Failure> {
        let (why, lost) = if nth > ATTEMPTS_MAX {
            // The last try was counted, and the process ended before its result was stored.
            ("the program ended each time it read this message".to_owned(), None)
        } else {
            self.remember(None, &[item(uid, ItemState::Again, nth)], &[]).await?;
            match self.fetch_single(uid).await? {
                Single::Gone => return Ok(Tried::Gone),
                Single::Done(Disposal::Unstorable(why)) => (why, None),
                Single::Done(disposal) => return Ok(Tried::Done(disposal)),
                Single::Failed { why, lost } => (why, lost),
            }
        };
        if nth < ATTEMPTS_MAX {
            tracing::debug!(feed = self.reading.name(), uid, why, "a message is tried again later");
            return lost.map_or(Ok(Tried::Later), Err);
        }
        let (origin, name) = (self.origin(uid), self.name(uid));
        let disposal = self.reading.unfetchable(origin, &name, &why).await?;
        Ok(match lost {
            None => Tried::Done(disposal),
            Some(failure) => Tried::ConnectionLost { disposal, failure },
        })
    }

    /// Puts away a message that was tried again.
    async fn settle(&mut self, uid: u32, name: String, disposal: &Disposal) -> Result<(), Failure> {
        match destination(disposal) {
            Some(state) if !self.put_away(state, &[uid]).await? => {
                return self.remember(None, &[item(uid, state, 1)], &[]).await;
            }
            Some(_) => {}
            None => self.put_other_mail_away(&[uid]).await?,
        }
        self.remember(None, &[], &[name]).await
    }

    async fn fetch_single(&mut self, uid: u32) -> Result<Single, Failure> {
        let max = self.reading.all.message_bytes_max;
        let size = match self.client.size(uid).await {
            Ok(Size::Bytes(size)) => size,
            // It is fetched as one of any size.
            Ok(Size::Unknown) => max,
            Ok(Size::Gone) => return Ok(Single::Gone),
            Err(error) => return Ok(Single::failed(error)),
        };
        if size > max {
            let (origin, name) = (self.origin(uid), self.name(uid));
            return Ok(Single::Done(self.reading.too_large(origin, &name, size).await?));
        }
        let mut body = None;
        let mut on = |_, bytes| body = Some(bytes);
        if let Err(error) = self.client.fetch(&[uid], size, max, &mut on).await {
            return Ok(Single::failed(error));
        }
        let Some(bytes) = body.filter(|bytes: &Vec<u8>| !bytes.is_empty() || size == 0) else {
            let why = "the server lists the message but does not deliver it".to_owned();
            return Ok(Single::Failed { why, lost: None });
        };
        let content = Fingerprint::new(&bytes);
        self.contents.insert(uid, content);
        note_return(self.reading, self.mailbox, content);
        Ok(Single::Done(self.reading.submit(self.origin(uid), bytes).await?))
    }
}

/// Where a message goes; `None`: where other mail goes.
fn destination(disposal: &Disposal) -> Option<ItemState> {
    match disposal {
        Disposal::Taken => Some(ItemState::ToProcessed),
        Disposal::Failed(_) | Disposal::Unstorable(_) => Some(ItemState::ToFailed),
        Disposal::Other => None,
    }
}
