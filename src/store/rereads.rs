//! How far other mail has been read again, since the program reads more than the version before.

use std::cmp::Ordering;

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
    /// Other mail, in the order of numbers.
    pub messages: Vec<SetAsideId>,
    /// Where the next piece begins.
    pub behind: SetAsideId,
}

/// How far a version of the reader is.
enum Standing {
    NotBegun,
    Left(RereadLeft),
    /// Nothing is left, or a newer version has begun.
    Ended,
}

impl Standing {
    fn left(self) -> Option<RereadLeft> {
        match self {
            Self::Left(left) => Some(left),
            Self::NotBegun | Self::Ended => None,
        }
    }
}

impl Store {
    /// What this version of the reader has still to read again. The first call of a version notes how far that is: what is set aside
    /// later was read by it. `None` if nothing is left, or if a newer version has begun.
    pub async fn reread_left(&self, reader: i64) -> Result<Option<RereadLeft>, StoreError> {
        match self.reread(reader).await? {
            Standing::NotBegun => {}
            known => return Ok(known.left()),
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let newest = conn.first(sql!("set_aside_end"), Args::default()).await?;
        let newest = newest.map(|row| row.opt_int("newest")).transpose()?.flatten();
        let end = newest.map_or(0, |newest| newest + 1);
        let begun = conn.run(sql!("set_aside_reread_begin"), Args::default().int(reader).int(end));
        begun.await?;
        write.commit().await?;
        Ok(self.reread(reader).await?.left())
    }

    async fn reread(&self, reader: i64) -> Result<Standing, StoreError> {
        let mut conn = self.read().await?;
        let Some(row) = Conn(&mut conn).first(sql!("set_aside_reread"), Args::default()).await? else {
            return Ok(Standing::NotBegun);
        };
        let left = RereadLeft {
            next: SetAsideId(row.int("next_id")?),
            end: SetAsideId(row.int("end_id")?),
        };
        Ok(match row.int("reader")?.cmp(&reader) {
            Ordering::Less => Standing::NotBegun,
            Ordering::Equal if left.next < left.end => Standing::Left(left),
            Ordering::Equal | Ordering::Greater => Standing::Ended,
        })
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
