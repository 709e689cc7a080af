//! A map with texts for keys, as the paths of a repository are.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A hash map by text.
///
/// The standard library's hash function counts on being inlined, and takes longer than the rest of a look-up where this
/// crate is not optimised. It is there against texts that were chosen to collide; but who writes a repository can make it
/// as slow to read as they like.
pub(crate) type TextMap<V> = HashMap<String, V, Checksums>;

/// Hashes by a checksum, in a crate that is optimised.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checksums {
    /// To begin anew from: asking what the processor can do takes longer than a short text.
    start: crc32fast::Hasher,
}

pub(crate) struct Checksum(crc32fast::Hasher);

impl BuildHasher for Checksums {
    type Hasher = Checksum;

    fn build_hasher(&self) -> Checksum {
        Checksum(self.start.clone())
    }
}

impl Hasher for Checksum {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The mark at the end of a text: a key has but one.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        // A map looks at the highest bits as well as at the lowest.
        u64::from(self.0.clone().finalize()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
