//! Sets of bytes, to go through text by.
//!
//! These loops are plain because `cargo xtask` runs without optimisation, where each step of an iterator is a call.

/// A set of bytes.
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    /// The letters and digits of ASCII, and others.
    pub(super) const fn letters_digits_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < set.len() {
            set[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            set[others[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    /// All of this set, and every byte that is not ASCII.
    pub(super) const fn and_beyond_ascii(mut self) -> Self {
        let mut byte = 0x80;
        while byte < self.0.len() {
            self.0[byte] = true;
            byte += 1;
        }
        self
    }

    /// This set without the capital letters of ASCII.
    pub(super) const fn without_capitals(mut self) -> Self {
        let mut byte = b'A' as usize;
        while byte <= b'Z' as usize {
            self.0[byte] = false;
            byte += 1;
        }
        self
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// How many bytes, from the first on, are in the set.
    pub(super) fn length_in(&self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.0[bytes[at] as usize] {
            at += 1;
        }
        at
    }

    /// Whether all bytes are in the set.
    pub(super) fn has_all(&self, bytes: &[u8]) -> bool {
        self.length_in(bytes) == bytes.len()
    }
}
