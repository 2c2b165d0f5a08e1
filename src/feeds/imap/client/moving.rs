//! Moving messages to another folder.

use super::{Client, ClientError, Done, ok};
use crate::feeds::imap::answer::uid_set;

/// Attempts of a command that moves messages while other clients work in the same folder.
const MOVE_TRIES_MAX: usize = 4;

/// How messages can be put elsewhere, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::feeds::imap) enum Moving {
    /// RFC 6851.
    Move,
    /// RFC 4315: a copy, and then exactly these messages are removed.
    CopyAndExpunge,
    /// Only a bare EXPUNGE, which would also remove what other clients have marked.
    Never,
}

impl Client {
    /// How messages can be moved here.
    pub fn moving(&self) -> Moving {
        if self.can("MOVE") {
            Moving::Move
        } else if self.can("UIDPLUS") {
            Moving::CopyAndExpunge
        } else {
            Moving::Never
        }
    }

    /// Moves messages to a folder, which is made if it is missing. Messages that are no longer there are none.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the server will not: then they are where they were, and perhaps copied.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<(), ClientError> {
        let (set, name) = (uid_set(uids), self.on_wire(folder));
        let verb = match self.moving() {
            Moving::Move => "UID MOVE",
            Moving::CopyAndExpunge => "UID COPY",
            Moving::Never => return Ok(()),
        };
        let command = format!("{verb} {set} {name}");
        let mut done = self.run(&command).await?;
        for _ in 1..MOVE_TRIES_MAX {
            if done.is_ok() || !self.can_move_after_all(&done, &name).await? {
                break;
            }
            done = self.run(&command).await?;
        }
        ok("to move messages", &done)?;
        if self.moving() == Moving::CopyAndExpunge {
            let done = self.run(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)")).await?;
            ok("to mark messages as deleted", &done)?;
            ok("to expunge messages", &self.run(&format!("UID EXPUNGE {set}")).await?)?;
        }
        Ok(())
    }

    /// Handles a refusal to move messages. Returns whether to ask again.
    async fn can_move_after_all(&mut self, refusal: &Done, folder: &str) -> Result<bool, ClientError> {
        match refusal.code.as_str() {
            // RFC 5530, 3: another has taken messages away, and NOOP is when the server tells of it.
            "EXPUNGEISSUED" => Ok(self.run("NOOP").await?.is_ok()),
            // RFC 9051, 7.1: the folder is missing; another may be making it at the same time.
            "TRYCREATE" => self.run(&format!("CREATE {folder}")).await.map(|_| true),
            // Some servers do not say why.
            _ => Ok(self.run(&format!("CREATE {folder}")).await?.is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::client;
    use super::*;

    #[tokio::test]
    async fn messages_are_moved_although_others_work_in_the_folder() {
        for said in [
            "t1 OK x\r\n",
            "t1 NO [EXPUNGEISSUED] x\r\n* 1 EXPUNGE\r\nt2 OK x\r\nt3 OK x\r\n",
            "t1 NO [TRYCREATE] x\r\nt2 OK x\r\nt3 OK x\r\n",
            "t1 NO [TRYCREATE] x\r\nt2 NO [ALREADYEXISTS] x\r\nt3 OK x\r\n",
            "t1 NO [TRYCREATE] x\r\nt2 OK x\r\nt3 NO [EXPUNGEISSUED] x\r\nt4 OK x\r\nt5 OK x\r\n",
            "t1 NO x\r\nt2 OK x\r\nt3 OK x\r\n",
        ] {
            let moved = client(said).move_to(&[1, 2], "Done").await;
            assert!(moved.is_ok(), "{said}: {moved:?}");
        }
        let endless: &'static str = Box::leak(
            (1..100)
                .map(|tag| {
                    format!(
                        "t{tag} {}\r\n",
                        if tag % 2 == 1 { "NO [EXPUNGEISSUED] x" } else { "OK x" }
                    )
                })
                .collect(),
        );
        for said in ["t1 NO [NOPERM] x\r\nt2 NO [NOPERM] x\r\n", endless] {
            let refused = client(said).move_to(&[1, 2], "Done").await;
            assert!(
                matches!(refused, Err(ClientError::Refused { .. })),
                "{said}: {refused:?}"
            );
        }
    }
}
