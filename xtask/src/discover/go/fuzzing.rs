//! What fuzz targets need of this module.

use super::embed;
use super::glob::Glob;
use super::header::Header;

/// Reads the header of a Go file, and again with other bytes after it.
pub fn read_header(bytes: &[u8]) {
    let whole = Header::parse_go(bytes, true).expect("a whole file is enough");
    for end in [bytes.len() / 2, bytes.len()] {
        // What is read of the beginning alone is what is read of the whole.
        if let Some(header) = Header::parse_go(&bytes[..end], false) {
            assert_eq!(header, whole, "after {end} bytes of {}", bytes.len());
        }
    }
    let _ = Header::read_other(bytes);
}

/// Finds the embed patterns of a Go file, and matches each with a name.
pub fn match_patterns(name: &str, bytes: &[u8]) {
    for pattern in embed::patterns(bytes) {
        for element in pattern.text.split('/') {
            if let Some(glob) = Glob::parse(element) {
                glob.matches(name);
            }
        }
    }
}
