//! The records of a report: a list that grows without moving.

use std::iter::{Chain, Flatten, FromIterator};
use std::ops::{Index, IndexMut};
use std::slice;

use super::Record;

/// Records in order of the text.
///
/// A vector that grows is there twice while it moves. A list of a million records may be as large as all the memory that
/// a message may take, so it is kept in pieces: only the first piece grows, and a full piece stays where it is. Access by
/// position is constant in time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// Each of [`Records::PIECE`] records.
    full: Vec<Vec<Record>>,
    last: Vec<Record>,
}

impl Records {
    /// Records of a full piece, 512 KiB.
    pub const PIECE: usize = 1 << 14;

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.full.len() * Self::PIECE + self.last.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty() && self.full.is_empty()
    }

    /// The first record, if there is one.
    pub fn first(&self) -> Option<&Record> {
        self.full.first().unwrap_or(&self.last).first()
    }

    /// All records, in order.
    pub fn iter(&self) -> Iter<'_> {
        self.full.iter().flatten().chain(&self.last)
    }

    /// Slices of at most `count` records, in order; all but the last are of that length. `count` divides [`Self::PIECE`].
    pub fn chunks(&self, count: usize) -> impl Iterator<Item = &[Record]> {
        debug_assert!(Self::PIECE.is_multiple_of(count), "{count}");
        let pieces = self.full.iter().chain(std::iter::once(&self.last));
        pieces.flat_map(move |piece| piece.chunks(count))
    }

    /// Adds a record, and takes room for more where there is none.
    #[inline]
    pub fn push(&mut self, record: Record) {
        if self.growth() > 0 {
            self.grow();
        }
        self.last.push(record);
    }

    /// For how many more records room is taken before the next can be added; 0 if there is room.
    #[inline]
    pub fn growth(&self) -> usize {
        let len = self.last.len();
        if len < self.last.capacity() && len < Self::PIECE {
            return 0;
        }
        self.room_ahead()
    }

    fn room_ahead(&self) -> usize {
        match self.last.len() {
            Self::PIECE => Self::PIECE,
            0 if !self.full.is_empty() => Self::PIECE,
            len => len.max(4).min(Self::PIECE - len),
        }
    }

    /// Takes room for [`Self::growth`] more records.
    pub fn grow(&mut self) {
        let more = self.growth();
        if self.last.len() == Self::PIECE {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.reserve_exact(more);
    }

    /// Bytes that the records take.
    pub fn bytes_held(&self) -> usize {
        self.len() * size_of::<Record>()
    }
}

/// The iterator of [`Records::iter`].
pub type Iter<'a> = Chain<Flatten<slice::Iter<'a, Vec<Record>>>, slice::Iter<'a, Record>>;

impl<'a> IntoIterator for &'a Records {
    type Item = &'a Record;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Index<usize> for Records {
    type Output = Record;

    /// # Panics
    /// If there is no such record.
    fn index(&self, nth: usize) -> &Record {
        match self.full.get(nth / Self::PIECE) {
            Some(piece) => &piece[nth % Self::PIECE],
            None => &self.last[nth - self.full.len() * Self::PIECE],
        }
    }
}

impl IndexMut<usize> for Records {
    /// # Panics
    /// If there is no such record.
    fn index_mut(&mut self, nth: usize) -> &mut Record {
        let before = self.full.len() * Self::PIECE;
        match self.full.get_mut(nth / Self::PIECE) {
            Some(piece) => &mut piece[nth % Self::PIECE],
            None => &mut self.last[nth - before],
        }
    }
}

impl FromIterator<Record> for Records {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        let mut all = Self::default();
        records.into_iter().for_each(|record| all.push(record));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::aggregate::Evaluated;

    fn record(count: u64) -> Record {
        Record {
            source: None,
            evaluated: Evaluated::default(),
            evidence: 0,
            count,
        }
    }

    fn counts<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<u64> {
        records.into_iter().map(|record| record.count).collect()
    }

    #[test]
    fn every_length_has_its_records_in_order() {
        const PIECE: usize = Records::PIECE;
        for len in [0, 1, 4, 5, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7] {
            let expected: Vec<u64> = (0..len as u64).collect();
            let records: Records = expected.iter().map(|&count| record(count)).collect();
            assert_eq!((records.len(), records.is_empty()), (len, len == 0));
            assert_eq!(counts(&records), expected);
            assert_eq!(counts(records.chunks(1_024).flatten()), expected);
            assert!(records.chunks(1_024).all(|chunk| (1..=1_024).contains(&chunk.len())));
            for nth in [0, 1, PIECE - 1, PIECE, PIECE + 1, len.saturating_sub(1)] {
                if let Some(&count) = expected.get(nth) {
                    assert_eq!(records[nth].count, count, "{nth} of {len}");
                }
            }
            assert_eq!(records.first().map(|first| first.count), expected.first().copied());
        }
    }

    #[test]
    fn only_the_first_piece_moves_and_no_room_is_taken_that_was_not_asked_for() {
        let mut records = Records::default();
        let (mut room, mut firsts) = (0, Vec::new());
        for count in 0..3 * Records::PIECE as u64 {
            room += records.growth();
            if records.growth() > 0 {
                records.grow();
            }
            records.push(record(count));
            assert!(records.len() <= room);
            let taken = records.full.iter().map(Vec::capacity).sum::<usize>() + records.last.capacity();
            assert_eq!(taken, room);
            let begins = |piece: &Vec<Record>| piece.as_ptr();
            let now: Vec<_> = records.full.iter().map(begins).collect();
            assert_eq!(now[..firsts.len()], firsts);
            firsts = now;
        }
        assert_eq!((room, firsts.len()), (3 * Records::PIECE, 2));
    }

    #[test]
    fn lists_differ_where_one_record_does() {
        let all: Records = (0..40_000).map(record).collect();
        let same: Records = (0..40_000).map(record).collect();
        let other: Records = (0..40_000)
            .map(|count| record(if count == 39_999 { 1 } else { count }))
            .collect();
        assert_eq!(all, same);
        assert_ne!(all, other);
    }
}
