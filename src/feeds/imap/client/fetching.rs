//! What is in a folder: the list of its messages, and the messages.
//!
//! What is said of a message may be incomplete, and may come in several answers: they are put together by its number in
//! the folder. A message of which no size is said is there all the same.

use std::collections::HashMap;
use std::time::Duration;

use super::{Answer, COMMAND_TIME_MAX, Client, ClientError, LITERAL_BYTES_MAX, PATIENCE, WireError, ok};
use crate::base::Day;
use crate::feeds::imap::answer::{Fetched, uid_set};

/// For a list of all messages.
const LIST_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// The slowest that a message may come, bytes a second.
const PACE: u64 = 16 * 1024;
/// How far messages may exceed twice what the server said: some servers guess.
const UNANNOUNCED_BYTES_MAX: u64 = 8 << 20;
/// Answers about one message, where only that one was asked about.
const ANSWERS_MAX: usize = 16;

/// A message that the server names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::feeds::imap) struct Listed {
    pub uid: u32,
    /// Bytes, as the server says; `None`: it does not say.
    pub size: Option<u64>,
    pub day: Option<Day>,
}

/// The size of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::feeds::imap) enum Size {
    /// It is no longer there.
    Gone,
    /// It is there, and the server does not say how long it is.
    Unknown,
    Bytes(u64),
}

/// What the answers of a list say.
#[derive(Default)]
struct List {
    /// Messages up to here were not asked for.
    after: u32,
    /// Numbers of these messages. There is at most one: `*` stands for the last message, whatever its UID (RFC 9051,
    /// 9: `seq-range`).
    old: Vec<u32>,
    /// What was said together with a UID, by the number in the folder, in the order of the answers.
    told: Vec<(u32, Listed)>,
    /// What was said without one.
    untold: Vec<Fetched>,
}

impl Listed {
    /// More that is said of it.
    fn add(&mut self, size: Option<u64>, day: Option<Day>) {
        self.size = self.size.or(size);
        self.day = self.day.or(day);
    }
}

impl List {
    fn len(&self) -> usize {
        self.told.len() + self.untold.len()
    }

    fn add(&mut self, fetched: Fetched) {
        match fetched.uid {
            Some(uid) if uid <= self.after => {
                self.old.truncate(ANSWERS_MAX);
                self.old.push(fetched.number);
            }
            Some(uid) => {
                let Fetched { number, size, day, .. } = fetched;
                match self.told.last_mut() {
                    Some((_, last)) if last.uid == uid => last.add(size, day),
                    _ => self.told.push((number, Listed { uid, size, day })),
                }
            }
            // The server sends changed flags to every client.
            None if fetched.size.is_none() && fetched.day.is_none() => {}
            None => self.untold.push(fetched),
        }
    }

    /// Every message once, ascending, with all that was said of it.
    fn finish(mut self) -> Result<Vec<Listed>, ClientError> {
        if !self.untold.is_empty() {
            let by_number: HashMap<u32, usize> =
                self.told.iter().enumerate().map(|(nth, told)| (told.0, nth)).collect();
            let mut without_uid = 0;
            for Fetched { number, size, day, .. } in self.untold {
                match by_number.get(&number) {
                    Some(&nth) => self.told[nth].1.add(size, day),
                    None if self.old.contains(&number) => {}
                    None => without_uid += 1,
                }
            }
            if without_uid > 0 {
                return Err(ClientError::NoUid(without_uid));
            }
        }
        let mut all: Vec<Listed> = self.told.into_iter().map(|(_, listed)| listed).collect();
        all.sort_by_key(|listed| listed.uid);
        all.dedup_by(|later, first| {
            let is_same = later.uid == first.uid;
            if is_same {
                first.add(later.size, later.day);
            }
            is_same
        });
        Ok(all)
    }
}

impl Client {
    /// Every message with a UID above `after`, ascending.
    pub async fn list(&mut self, after: u32) -> Result<Vec<Listed>, ClientError> {
        let listed_max = self.listed_max;
        let mut list = List {
            after,
            ..List::default()
        };
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let mut on = |answer| {
            if let Answer::Fetch(fetched) = answer {
                list.add(fetched);
                if list.told.len().max(list.untold.len()) > listed_max {
                    return Err(ClientError::TooMany(listed_max));
                }
            }
            Ok(())
        };
        let command = format!("UID FETCH {first}:* (UID RFC822.SIZE INTERNALDATE)");
        let done = self
            .command(&command, LIST_TIME_MAX, LITERAL_BYTES_MAX, &mut on)
            .await?;
        ok("a list of the messages", &done)?;
        list.finish()
    }

    /// The size of one message, if it is still there.
    pub async fn size(&mut self, uid: u32) -> Result<Size, ClientError> {
        let mut list = List::default();
        let mut on = |answer| {
            if let Answer::Fetch(fetched) = answer
                && list.len() < ANSWERS_MAX
            {
                list.add(fetched);
            }
            Ok(())
        };
        let command = format!("UID FETCH {uid} (UID RFC822.SIZE)");
        let done = self
            .command(&command, COMMAND_TIME_MAX, LITERAL_BYTES_MAX, &mut on)
            .await?;
        ok("the size of a message", &done)?;
        let listed = list.finish()?.into_iter().find(|listed| listed.uid == uid);
        Ok(match listed {
            None => Size::Gone,
            Some(Listed { size: None, .. }) => Size::Unknown,
            Some(Listed { size: Some(size), .. }) => Size::Bytes(size),
        })
    }

    /// Fetches `uids` without setting `\Seen` and passes each body to `on`, in any order; what the server will not give
    /// does not come. `bytes` is the total that the server announced; no body may exceed `message_bytes_max`.
    ///
    /// # Errors
    /// Also if the messages are far longer than the server said.
    pub async fn fetch(
        &mut self,
        uids: &[u32],
        bytes: u64,
        message_bytes_max: u64,
        on: &mut (dyn FnMut(u32, Vec<u8>) + Send),
    ) -> Result<(), ClientError> {
        let time_max = PATIENCE + Duration::from_secs(bytes / PACE);
        let mut room = bytes.saturating_mul(2).saturating_add(UNANNOUNCED_BYTES_MAX);
        let command = format!("UID FETCH {} (UID BODY.PEEK[])", uid_set(uids));
        let mut known: HashMap<u32, u32> = HashMap::new();
        let mut nameless: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut on = |answer| {
            let Answer::Fetch(fetched) = answer else {
                return Ok(());
            };
            if let Some(uid) = fetched.uid.filter(|uid| uids.contains(uid)) {
                known.insert(fetched.number, uid);
                if let Some(body) = nameless.remove(&fetched.number) {
                    on(uid, body);
                }
            }
            let Some(body) = fetched.body else { return Ok(()) };
            let announced = body.len() as u64;
            let rest = room.checked_sub(announced);
            room = rest.ok_or(WireError::LargeLiteral { announced, max: room })?;
            match (fetched.uid, known.get(&fetched.number), uids) {
                (Some(uid), _, _) if uids.contains(&uid) => on(uid, body),
                (Some(_), _, _) => {}
                (None, Some(&uid), _) | (None, None, &[uid]) => on(uid, body),
                // Its UID may come behind it.
                (None, None, _) => drop(nameless.insert(fetched.number, body)),
            }
            Ok(())
        };
        // A refusal is seen by what did not come: some servers refuse all for the sake of one.
        self.command(&command, time_max, message_bytes_max, &mut on)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::client;
    use super::*;

    #[tokio::test]
    async fn a_list_is_sorted_without_what_was_not_asked_for_and_bounded() {
        let two = "* 1 FETCH (UID 9 RFC822.SIZE 1)\r\n* 2 FETCH (FLAGS ())\r\n* 3 FETCH (UID 4 RFC822.SIZE 5)\r\n\
                   * 4 FETCH (UID 3 RFC822.SIZE 5)\r\nt1 OK x\r\n";
        let listed = client(two).list(3).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|one| (one.uid, one.size)).collect();
        assert_eq!(listed, [(4, Some(5)), (9, Some(1))]);
        let three =
            "* 1 FETCH (UID 1 RFC822.SIZE 1)\r\n* 2 FETCH (UID 2 RFC822.SIZE 1)\r\n* 3 FETCH (UID 3 RFC822.SIZE 1)\r\n";
        assert!(matches!(client(three).list(0).await, Err(ClientError::TooMany(2))));
        let refused = client("t1 NO [UNAVAILABLE] later\r\n").list(0).await.unwrap_err();
        assert!(refused.to_string().ends_with("[UNAVAILABLE] later"), "{refused}");
    }

    #[tokio::test]
    async fn messages_far_longer_than_announced_are_refused() {
        let said = "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 7 BODY[] {3}\r\nabc)\r\nt1 OK x\r\n";
        let mut had = Vec::new();
        client(said)
            .fetch(&[1, 2], 6, 100, &mut |uid, body| had.push((uid, body)))
            .await
            .unwrap();
        assert_eq!(had, [(1, b"abc".to_vec())], "what was not asked for is not taken");
        let mut on = |_, _| {};
        let lies = client(said).fetch(&[1, 2], 6, 2, &mut on).await.unwrap_err();
        assert!(
            matches!(lies, ClientError::Wire(WireError::LargeLiteral { .. })),
            "{lies}"
        );
    }

    #[tokio::test]
    async fn a_message_with_missing_data_is_still_listed() {
        let check = async |said: &'static str, expect: &[(u32, Option<u64>)]| {
            let listed = client(said).list(0).await.unwrap();
            let listed: Vec<_> = listed.iter().map(|one| (one.uid, one.size)).collect();
            assert_eq!(listed, expect, "{said}");
        };
        check("* 1 FETCH (UID 4)\r\nt1 OK x\r\n", &[(4, None)]).await;
        check(
            "* 1 FETCH (UID 4 RFC822.SIZE NIL)\r\n* 2 FETCH (UID 5 RFC822.SIZE -7)\r\nt1 OK x\r\n",
            &[(4, None), (5, None)],
        )
        .await;
        // In several answers, in any order, twice.
        check(
            "* 1 FETCH (UID 4)\r\n* 1 FETCH (RFC822.SIZE 7)\r\nt1 OK x\r\n",
            &[(4, Some(7))],
        )
        .await;
        check(
            "* 1 FETCH (RFC822.SIZE 7)\r\n* 2 FETCH (UID 5)\r\n* 1 FETCH (UID 4)\r\nt1 OK x\r\n",
            &[(4, Some(7)), (5, None)],
        )
        .await;
        check(
            "* 1 FETCH (UID 4)\r\n* 1 FETCH (UID 4 RFC822.SIZE 7)\r\n* 1 FETCH (UID 4)\r\nt1 OK x\r\n",
            &[(4, Some(7))],
        )
        .await;
        let nameless = "* 1 FETCH (RFC822.SIZE 7)\r\n* 2 FETCH (UID NIL RFC822.SIZE 7)\r\nt1 OK x\r\n";
        assert!(matches!(client(nameless).list(0).await, Err(ClientError::NoUid(2))));
    }

    #[tokio::test]
    async fn the_size_of_a_message_may_be_unknown() {
        for (said, expect) in [
            ("t1 OK x\r\n", Size::Gone),
            ("* 1 FETCH (UID 9 RFC822.SIZE 7)\r\nt1 OK x\r\n", Size::Gone),
            ("* 1 FETCH (UID 4)\r\nt1 OK x\r\n", Size::Unknown),
            ("* 1 FETCH (UID 4 RFC822.SIZE NIL)\r\nt1 OK x\r\n", Size::Unknown),
            (
                "* 1 FETCH (UID 4)\r\n* 1 FETCH (RFC822.SIZE 7)\r\nt1 OK x\r\n",
                Size::Bytes(7),
            ),
        ] {
            assert_eq!(client(said).size(4).await.unwrap(), expect, "{said}");
        }
    }

    #[tokio::test]
    async fn a_body_and_its_uid_may_come_apart() {
        for said in [
            "* 1 FETCH (UID 1)\r\n* 1 FETCH (BODY[] {3}\r\nabc)\r\nt1 OK x\r\n",
            "* 1 FETCH (BODY[] {3}\r\nabc)\r\n* 1 FETCH (UID 1 FLAGS ())\r\nt1 OK x\r\n",
            "* 2 FETCH (BODY[] \"xy\")\r\n* 1 FETCH (UID 1 BODY[] \"abc\")\r\nt1 OK x\r\n",
        ] {
            let mut had = Vec::new();
            client(said)
                .fetch(&[1, 2], 6, 100, &mut |uid, body| had.push((uid, body)))
                .await
                .unwrap();
            assert_eq!(had, [(1, b"abc".to_vec())], "{said}");
        }
        let mut had = Vec::new();
        let said = "* 1 FETCH (BODY[] {3}\r\nabc)\r\nt1 OK x\r\n";
        client(said)
            .fetch(&[7], 6, 100, &mut |uid, body| had.push((uid, body)))
            .await
            .unwrap();
        assert_eq!(had, [(7, b"abc".to_vec())], "it was the only one that was asked for");
    }
}
