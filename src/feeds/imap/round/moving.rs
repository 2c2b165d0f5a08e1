//! Moving what is committed to where it belongs.

use super::awaiting_move::AwaitingMove;
use super::plan::{Move, moves};
use super::{Round, item};
use crate::feeds::imap::Mailbox;
use crate::feeds::imap::client::{ClientError, Moving};
use crate::feeds::imap::returned::Fingerprint;
use crate::feeds::outcome::Failure;
use crate::feeds::reading::{Reading, capped};
use crate::store::{ItemState, MailboxItem};

impl Round<'_> {
    /// What was committed in an earlier round and could not be moved then.
    pub(super) async fn move_what_is_due(&mut self, items: &[MailboxItem]) -> Result<(), Failure> {
        for Move { attempts, state, uids } in moves(items) {
            if let [uid] = *uids
                && self
                    .mailbox
                    .put_off
                    .is_waiting(&self.name(uid), self.reading.clock().monotonic())
            {
                continue;
            }
            match self.put_away(state, &uids).await {
                Ok(true) => {
                    for &uid in &uids {
                        self.mailbox.put_off.settled(&self.name(uid));
                    }
                    let gone: Vec<String> = uids.iter().map(u32::to_string).collect();
                    self.remember(None, &[], &gone).await?;
                    self.reading.progressed();
                }
                Ok(false) => {}
                Err(failure) => {
                    if let [uid] = *uids {
                        self.note_loss(uid, &failure);
                    }
                    let attempts = attempts.saturating_add(1);
                    let again: Vec<_> = uids.iter().map(|&uid| item(uid, state, attempts)).collect();
                    self.remember(None, &again, &[]).await?;
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// Notes that the connection was lost over the move of one message. From the third time on it is left alone for now.
    fn note_loss(&self, uid: u32, failure: &Failure) {
        if self
            .mailbox
            .put_off
            .lost(&self.name(uid), self.reading.clock().monotonic())
        {
            self.reading.put_off(&self.origin(uid), &failure.detail);
        }
    }

    /// Moves what is committed to where it belongs, and remembers how far the folder is settled.
    pub(super) async fn move_committed(&mut self) -> Result<(), Failure> {
        let awaiting = std::mem::take(&mut self.awaiting);
        let mut items = awaiting.again();
        let mut lost = None;
        for (state, uids) in awaiting.moves() {
            match self.put_away(state, uids).await {
                Ok(true) => {}
                Ok(false) => items.extend(uids.iter().map(|&uid| item(uid, state, 1))),
                Err(failure) => {
                    items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
                    lost = Some(failure);
                }
            }
        }
        if lost.is_none() {
            lost = self.put_other_mail_away(&awaiting.other).await.err();
        }
        self.settle_committed(&awaiting, &items).await?;
        lost.map_or(Ok(()), Err)
    }

    /// The connection is gone, or the database does not take more: what is committed is remembered.
    pub(super) async fn leave_for_the_next_round(&mut self) -> Result<(), Failure> {
        let awaiting = std::mem::take(&mut self.awaiting);
        let mut items = awaiting.again();
        for (state, uids) in awaiting.moves() {
            if self.folder(state).is_some() {
                items.extend(uids.iter().map(|&uid| item(uid, state, 0)));
            }
        }
        self.settle_committed(&awaiting, &items).await
    }

    async fn settle_committed(&mut self, moved: &AwaitingMove, items: &[MailboxItem]) -> Result<(), Failure> {
        self.remember(moved.last_uid, items, &[]).await?;
        // What is not moved now is not moved in this round.
        self.contents.clear();
        if moved.most() > 0 {
            self.reading.progressed();
        }
        Ok(())
    }

    /// Moves messages to where they belong, if they are to go anywhere. False if the server refuses.
    pub(super) async fn put_away(&mut self, state: ItemState, uids: &[u32]) -> Result<bool, Failure> {
        let Some(folder) = self.folder(state) else {
            return Ok(true);
        };
        self.move_to(uids, &folder).await
    }

    pub(super) async fn put_other_mail_away(&mut self, uids: &[u32]) -> Result<(), Failure> {
        if let Some(folder) = self.mailbox.settings.other.clone()
            && !self.mailbox.returned().is_same(&folder)
        {
            self.move_to(uids, &folder).await?;
        }
        Ok(())
    }

    async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<bool, Failure> {
        if uids.is_empty() {
            return Ok(true);
        }
        match self.client.move_to(uids, folder).await {
            Ok(()) => {
                let contents = uids.iter().filter_map(|uid| self.contents.remove(uid));
                self.mailbox.returned().moved(folder, contents);
                Ok(true)
            }
            Err(error @ ClientError::Refused { .. }) => {
                tracing::warn!(
                    feed = self.reading.name(),
                    folder,
                    messages = uids.len(),
                    detail = capped(&error.to_string()),
                    "mail cannot be moved, and stays where it is for now: see whether the folder can be written"
                );
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&self, state: ItemState) -> Option<String> {
        let folder = match state {
            ItemState::ToProcessed => &self.mailbox.settings.processed,
            ItemState::ToFailed => &self.mailbox.settings.failed,
            ItemState::Again | ItemState::Settled => return None,
        };
        // Where mail cannot be moved safely it stays, and is remembered.
        let folder = folder.clone().filter(|_| self.client.moving() != Moving::Never);
        folder.filter(|folder| !self.mailbox.returned().is_same(folder))
    }
}

/// Notes mail that came; says so if it is what was moved elsewhere.
pub(super) fn note_return(reading: &Reading, mailbox: &Mailbox, content: Fingerprint) {
    let Some(folder) = mailbox.returned().came(content) else {
        return;
    };
    tracing::warn!(
        feed = reading.name(),
        folder,
        "mail that is moved to this folder comes back: it is the folder that is read, under another name. Mail stays where \
         it is from now on; name another folder in the settings"
    );
}
