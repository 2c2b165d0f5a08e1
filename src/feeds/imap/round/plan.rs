//! Which messages are asked for together, and which are moved together.

use crate::base::Day;
use crate::feeds::imap::client::Listed;
use crate::store::{ItemState, MailboxItem};

/// Two chunks are in flight at once, one being fetched and one being committed: at most 64 messages.
pub(super) const CHUNK_MESSAGES_MAX: usize = 32;
/// Size of a chunk, except a single longer message.
const CHUNK_BYTES_MAX: u64 = 8 << 20;
/// Messages that are moved at once; a quarter of it after each time that the connection broke over them. Few large moves
/// rather than many small ones: for each, a server may look through the whole folder. A round that is cut short
/// reads again what it had not moved; these are duplicates.
pub(super) const MOVED_MAX: usize = 512;

/// Messages that are asked for together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Everything up to here is in this chunk or before it.
    pub last_uid: u32,
    pub wanted: Vec<u32>,
    /// The wanted messages that have no bytes, as the server states.
    pub empty: Vec<u32>,
    pub bytes: u64,
    /// UID and size.
    pub too_large: Vec<(u32, u64)>,
}

/// Messages that are moved together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// How often the connection was lost over them.
    pub attempts: u32,
    pub state: ItemState,
    /// Ascending.
    pub uids: Vec<u32>,
}

/// Cuts the list into chunks, in its order.
pub(super) fn chunks(listed: Vec<Listed>, since: Day, message_bytes_max: u64) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut chunk = Chunk::default();
    for Listed { uid, size, day } in listed {
        // One of unknown size may be as long as any, and is fetched alone.
        let bytes = size.unwrap_or(message_bytes_max);
        let is_full = chunk.wanted.len() + chunk.too_large.len() == CHUNK_MESSAGES_MAX
            || chunk.bytes.saturating_add(bytes) > CHUNK_BYTES_MAX && !chunk.wanted.is_empty();
        let is_old = day.is_some_and(|day| day < since);
        if is_full && !is_old {
            chunks.push(std::mem::take(&mut chunk));
        }
        chunk.last_uid = uid;
        if is_old {
            continue;
        }
        if bytes > message_bytes_max {
            chunk.too_large.push((uid, bytes));
            continue;
        }
        chunk.wanted.push(uid);
        chunk.bytes = chunk.bytes.saturating_add(bytes);
        if size == Some(0) {
            chunk.empty.push(uid);
        }
    }
    if chunk.last_uid > 0 {
        chunks.push(chunk);
    }
    chunks
}

/// What is due, in pieces. What the connection broke over comes last, and fewer at a time, until the message that it
/// breaks over is alone.
pub(super) fn moves(items: &[MailboxItem]) -> Vec<Move> {
    let mut moves = Vec::new();
    for state in [ItemState::ToProcessed, ItemState::ToFailed] {
        let mut due: Vec<(u32, u32)> = items
            .iter()
            .filter(|item| item.state == state)
            .filter_map(|item| Some((item.attempts, item.item.parse().ok()?)))
            .collect();
        due.sort_unstable();
        for alike in due.chunk_by(|(a, _), (b, _)| a == b) {
            let attempts = alike[0].0;
            let at_once = (MOVED_MAX >> attempts.saturating_mul(2).min(16)).max(1);
            moves.extend(alike.chunks(at_once).map(|piece| Move {
                attempts,
                state,
                uids: piece.iter().map(|(_, uid)| *uid).collect(),
            }));
        }
    }
    moves.sort_by_key(|piece| piece.attempts);
    moves
}

#[cfg(test)]
mod tests {
    use super::super::item;
    use super::*;

    fn listed(uid: u32, size: u64) -> Listed {
        Listed {
            uid,
            size: Some(size),
            day: None,
        }
    }

    #[test]
    fn chunks_hold_everything_once_and_are_bounded() {
        let sizes = [1, 9 << 20, 4 << 20, 4 << 20, 1, 30 << 20, 2, 0];
        let all = (1..).zip(sizes).map(|(uid, size)| listed(uid, size)).collect();
        let cut = chunks(all, Day(0), 25 << 20);
        let wanted: Vec<&[u32]> = cut.iter().map(|chunk| chunk.wanted.as_slice()).collect();
        assert_eq!(wanted, [&[1][..], &[2], &[3, 4], &[5], &[7, 8]]);
        assert_eq!(cut.last().unwrap().last_uid, 8);
        assert_eq!(cut.iter().map(|chunk| chunk.too_large.len()).sum::<usize>(), 1);

        let many = (1..=100).map(|uid| listed(uid, 1)).collect();
        let lengths: Vec<_> = chunks(many, Day(0), 10)
            .iter()
            .map(|chunk| chunk.wanted.len())
            .collect();
        assert_eq!(lengths, [32, 32, 32, 4]);
    }

    #[test]
    fn messages_of_unknown_size_are_fetched_alone() {
        let unknown = |uid| Listed {
            size: None,
            ..listed(uid, 0)
        };
        let cut = chunks(
            vec![listed(1, 1), unknown(2), unknown(3), listed(4, 0)],
            Day(0),
            25 << 20,
        );
        let wanted: Vec<&[u32]> = cut.iter().map(|chunk| chunk.wanted.as_slice()).collect();
        assert_eq!(wanted, [&[1][..], &[2], &[3], &[4]]);
        assert_eq!((cut[1].bytes, &cut[3].empty), (25 << 20, &vec![4]));
        assert!(cut.iter().all(|chunk| chunk.too_large.is_empty()));
    }

    #[test]
    fn older_mail_is_skipped_and_settled() {
        let dated = |uid, day| Listed {
            day: Some(Day(day)),
            ..listed(uid, 1)
        };
        let cut = chunks(vec![dated(1, 9), dated(2, 10), dated(3, 9)], Day(10), 10);
        assert_eq!((cut.len(), cut[0].last_uid), (1, 3));
        assert_eq!(cut[0].wanted, [2]);
    }

    #[test]
    fn mail_that_broke_a_connection_is_moved_last_in_small_chunks() {
        let mut items: Vec<_> = (1..=600).map(|uid| item(uid, ItemState::ToProcessed, 0)).collect();
        items.extend((801..=809).map(|uid| item(uid, ItemState::ToProcessed, 3)));
        items.extend([9, 10].map(|uid| item(1_000 + uid, ItemState::ToProcessed, u32::MAX)));
        items.extend([1200, 1201].map(|uid| item(uid, ItemState::ToFailed, 1)));
        items.push(item(1300, ItemState::Again, 0));
        let moves = moves(&items);
        let seen: Vec<_> = moves.iter().map(|piece| (piece.uids[0], piece.uids.len())).collect();
        let expect = [(1, 512), (513, 88), (1200, 2), (801, 8), (809, 1), (1009, 1), (1010, 1)];
        assert_eq!(seen, expect);
        assert!(
            moves
                .iter()
                .all(|piece| (piece.state == ItemState::ToFailed) == (piece.uids[0] == 1200))
        );
    }
}
