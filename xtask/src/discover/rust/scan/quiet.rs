//! Sources that say nothing about other files, told without reading their tokens: many do not, and reading tokens takes
//! most of the time. In doubt a source is not quiet: what stands in a comment or a text counts as well.

use memchr::{memchr, memchr_iter, memmem};

use super::super::lexer::is_word;
use super::attribute::NAMING_NOTHING;
use super::{BEFORE_NEGATION, reads_nothing};

/// Words of macros whose arguments are looked into wherever they stand.
const LOUD: [&str; 2] = ["include", "macro_rules"];

/// Whether a source, not of a build script, has none of what [`super::scan`] finds.
pub(super) fn is_quiet(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let bytes = text.as_bytes();
    LOUD.iter().all(|word| memmem::find(bytes, word.as_bytes()).is_none())
        && memmem::find_iter(bytes, "mod").all(|at| !may_be_module(bytes, at))
        && memchr_iter(b'!', bytes).all(|at| !may_be_macro(text, at))
        && memchr_iter(b'#', bytes).all(|at| !may_be_attribute(text, at))
}

/// Whether `mod` at a place may be more than the beginning of a module that is written out.
fn may_be_module(bytes: &[u8], at: usize) -> bool {
    let is_part = |at: usize| bytes.get(at).copied().is_some_and(is_word);
    if at > 0 && is_part(at - 1) || is_part(at + 3) {
        return false;
    }
    let name = skip_space(bytes, at + 3);
    let end = skip_word(bytes, name);
    end == name || bytes.get(skip_space(bytes, end)) != Some(&b'{')
}

/// Whether a `!` may be that of a macro that reads files, or makes modules of its arguments.
fn may_be_macro(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(skip_space(bytes, at + 1)), Some(b'(' | b'[' | b'{' | b'/')) {
        return false;
    }
    let before = &text[..at];
    let end = before.trim_ascii_end().len();
    let start = bytes[..end].iter().rposition(|byte| !is_word(*byte)).map_or(0, |before| before + 1);
    let name = &text[start..end];
    if before[end..].contains('\n') {
        // What stands in the line before may be a comment, and the macro's name before that.
        return true;
    }
    match bytes[..end].last() {
        Some(b'/') => true,
        _ if name.is_empty() => false,
        _ => !reads_nothing(name) && !BEFORE_NEGATION.contains(&name),
    }
}

/// Whether a `#` may be that of an attribute that names a file.
fn may_be_attribute(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let mut open = skip_space(bytes, at + 1);
    if bytes.get(open) == Some(&b'!') {
        open = skip_space(bytes, open + 1);
    }
    match bytes.get(open) {
        Some(b'[') => {}
        Some(b'/') => return true,
        _ => return false,
    }
    let start = skip_space(bytes, open + 1);
    let path = bytes[start..].iter().take_while(|byte| is_word(**byte) || **byte == b':').count();
    let name = &text[start..start + path];
    let name = name.rsplit(':').next().unwrap_or(name);
    if !matches!(bytes.get(skip_space(bytes, start + path)), Some(b']' | b'(' | b'=')) {
        return true;
    }
    if name != "cfg_attr" && NAMING_NOTHING.contains(&name) {
        return false;
    }
    let Some(length) = memchr(b']', &bytes[open..]) else { return true };
    // Where it ends is only known if nothing in it hides a bracket.
    bytes[open + 1..open + length].iter().any(|byte| matches!(byte, b'"' | b'\'' | b'[' | b'/'))
}

/// Where the white space that begins at a place ends.
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Where the word that begins at a place ends.
fn skip_word(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_word) {
        at += 1;
    }
    at
}
