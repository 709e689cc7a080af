//! OCI images as this tool makes them: layers, documents, layouts.
//!
//! All of it is deterministic: the same files give the same bytes, whatever machine, folder, user or time.

pub mod archive;
pub mod compression;
pub mod document;
pub mod layer;
pub mod layout;
pub mod reference;

use sha2::{Digest as _, Sha256};

/// The digest of some bytes, as `sha256:…`.
pub fn digest(bytes: &[u8]) -> String {
    hex_digest(Sha256::new_with_prefix(bytes))
}

/// What a hash says in the end, as `sha256:…`.
pub(crate) fn hex_digest(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// Enough of a digest to tell one content from another: its first 16 digits.
pub(crate) fn shorten(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(16).collect()
}
