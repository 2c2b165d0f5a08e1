//! How far other mail has been read again, since the program reads more than the version before.

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{SetAsideId, SetAsideKind};

/// Other mail that a version of the reader has still to read again: the messages set aside from `next` to below `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RereadLeft {
    pub next: SetAsideId,
    pub end: SetAsideId,
}

/// Messages to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RereadPiece {
    /// Other mail, in the order of arrival.
    pub messages: Vec<SetAsideId>,
    /// Where the next piece begins.
    pub behind: SetAsideId,
}

impl Store {
    /// What this version of the reader has still to read again. The first call of a version notes how far that is: what is set aside
    /// later was read by it. `None` if nothing is left, or if a newer version has begun.
    pub async fn reread_left(&self, reader: i64) -> Result<Option<RereadLeft>, StoreError> {
        if let Some(known) = self.reread(reader).await? {
            return Ok(known.filter(|left| left.next < left.end));
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let newest = conn.first(sql!("set_aside_end"), Args::default()).await?;
        let newest = newest.map(|row| row.opt_int("newest")).transpose()?.flatten();
        let end = newest.map_or(0, |newest| newest + 1);
        let begun = conn.run(sql!("set_aside_reread_begin"), Args::default().int(reader).int(end));
        begun.await?;
        write.commit().await?;
        Ok(self.reread(reader).await?.flatten().filter(|left| left.next < left.end))
    }

    /// `None` if the version has not begun; inside, `None` if a newer one has.
    async fn reread(&self, reader: i64) -> Result<Option<Option<RereadLeft>>, StoreError> {
        let mut conn = self.read().await?;
        let row = Conn(&mut conn).first(sql!("set_aside_reread"), Args::default()).await?;
        let Some(row) = row.filter(|row| row.int("reader").is_ok_and(|known| known >= reader)) else {
            return Ok(None);
        };
        let left = RereadLeft {
            next: SetAsideId(row.int("next_id")?),
            end: SetAsideId(row.int("end_id")?),
        };
        Ok(Some((row.int("reader")? == reader).then_some(left)))
    }

    /// The other mail among the next `count_max` messages set aside.
    pub async fn reread_piece(&self, left: RereadLeft, count_max: usize) -> Result<RereadPiece, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(left.next.0).int(left.end.0).int(count_max as i64);
        let rows = Conn(&mut conn).all(sql!("set_aside_from"), args).await?;
        let mut piece = RereadPiece {
            messages: Vec::new(),
            behind: left.end,
        };
        for row in &rows {
            let id = SetAsideId(row.int("set_aside_id")?);
            if rows.len() >= count_max {
                piece.behind = SetAsideId(id.0 + 1);
            }
            if row.int("kind")? == SetAsideKind::Other.code() {
                piece.messages.push(id);
            }
        }
        Ok(piece)
    }

    /// Notes that everything below `next` was read again.
    pub async fn note_reread(&self, reader: i64, next: SetAsideId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(reader).int(next.0);
        conn.run(sql!("set_aside_reread_note"), args).await?;
        write.commit().await
    }
}
