//! Numbers in packed columns: LEB128, least significant group first.

/// Appends a number in 1 to 10 bytes.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads packed values from the front. Every method returns `None` at a premature end.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// Passes over numbers without looking at them.
    pub fn skip_numbers(&mut self, mut count: u32) -> Option<()> {
        while count > 0 {
            count -= u32::from(self.byte()? < 0x80);
        }
        Some(())
    }

    /// As [`Self::number`], in the same time for numbers of one to eight bytes. Faster where their lengths are in no order,
    /// which a processor cannot predict.
    #[inline]
    pub fn count(&mut self) -> Option<u64> {
        let Some(word) = self.rest.first_chunk() else {
            return self.number();
        };
        let word = u64::from_le_bytes(*word);
        let last = !word & 0x8080_8080_8080_8080;
        if last == 0 {
            return self.number();
        }
        let bits = last.trailing_zeros();
        self.rest = self.rest.get(bits as usize / 8 + 1..)?;
        // Groups of 7 bits, which are put together two by two.
        let groups = word & u64::MAX >> (63 - bits) & 0x7f7f_7f7f_7f7f_7f7f;
        let groups = groups & 0x007f_007f_007f_007f | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
        let groups = groups & 0x0000_3fff_0000_3fff | (groups & 0x3fff_0000_3fff_0000) >> 2;
        Some(groups & 0x0fff_ffff | (groups & 0x0fff_ffff_0000_0000) >> 4)
    }

    /// `None` also for a number beyond 64 bits.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return None;
            }
            number |= group << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Reader::new(&bytes).number(), Some(number));
            bytes.pop();
            assert_eq!(Reader::new(&bytes).number(), None);
        }
        assert_eq!(Reader::new(&[0xff; 11]).number(), None);
    }

    proptest! {
        #[test]
        fn counts_are_read_as_numbers_are(
            numbers in proptest::collection::vec((any::<u64>(), 0_u32..64), 0..20),
            tail in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|(number, shift)| put_number(&mut bytes, number >> shift));
            bytes.extend(tail);
            let (mut counts, mut expected) = (Reader::new(&bytes), Reader::new(&bytes));
            loop {
                let number = expected.number();
                prop_assert_eq!(counts.count(), number);
                if number.is_none() {
                    break;
                }
                prop_assert_eq!(counts.rest, expected.rest);
            }
        }
    }
}
