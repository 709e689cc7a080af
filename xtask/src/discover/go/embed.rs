//! `//go:embed`: the patterns in a file, and the files that they mean.

use super::header::Pattern;
use super::quote::unquote;

/// Finds the embed patterns of a whole Go file. Lines that are not well-formed are the compiler's to find.
pub(super) fn patterns(bytes: &[u8]) -> Vec<Pattern> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = match first {
            b'/' if rest.starts_with(b"//") => {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let text = String::from_utf8_lossy(&rest[..end]);
                if let Some(arguments) = arguments(&text) {
                    found.extend(arguments.into_iter().map(|text| Pattern { line, text }));
                }
                end
            }
            b'/' if rest.starts_with(b"/*") => {
                rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 4)
            }
            b'`' => rest.iter().skip(1).position(|byte| *byte == b'`').map_or(rest.len(), |at| at + 2),
            b'"' | b'\'' => literal_length(rest),
            _ => 1,
        };
        let (taken, after) = rest.split_at(length);
        line += taken.iter().filter(|byte| **byte == b'\n').count() as u32;
        rest = after;
    }
    found
}

/// The length of a string or character literal, which ends with its line at the latest.
fn literal_length(text: &[u8]) -> usize {
    let quote = text[0];
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            byte if *byte == quote => return at + 1,
            b'\n' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// The arguments of an embed comment: words, or Go strings.
fn arguments(comment: &str) -> Option<Vec<String>> {
    let rest = comment.strip_prefix("//go:embed")?;
    let mut rest = rest.strip_prefix(char::is_whitespace)?.trim();
    let mut arguments = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '`' => rest[1..].find('`')? + 2,
            '"' => literal_length(rest.as_bytes()),
            _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at_checked(length)?;
        // What follows a string must be apart from it.
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return None;
        }
        arguments.push(if matches!(first, '"' | '`') { unquote(word)? } else { word.to_owned() });
        rest = after.trim_start();
    }
    Some(arguments)
}
