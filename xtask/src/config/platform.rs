//! Platforms as a person writes them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Checks that a text names a platform that images can be made for.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub fn check_platform(text: &str) -> Result<(), String> {
    let mut parts = text.split('/');
    let is_linux = parts.next() == Some("linux");
    let rest: Vec<_> = parts.collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_linux && matches!(rest.len(), 1 | 2) && rest.iter().all(is_word) {
        return Ok(());
    }
    Err(format!("`{text}` is no platform of an image: expected linux/amd64, linux/arm64 or the like"))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let platforms = Vec::<String>::deserialize(deserializer)?;
    platforms.iter().try_for_each(|platform| check_platform(platform)).map_err(D::Error::custom)?;
    Ok(platforms)
}
