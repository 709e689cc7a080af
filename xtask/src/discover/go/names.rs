//! What Go allows in the names of files, packages and modules.

use memchr::{memchr, memrchr};

use super::byte_set::ByteSet;

/// Why a path can be no import path; `None` where it can.
pub(super) fn import_path_fault(path: &str) -> Option<String> {
    static ALLOWED: ByteSet = ByteSet::letters_digits_and(b"-._~+");
    if path.starts_with('-') {
        return Some("leading dash".to_owned());
    }
    path.split('/').find_map(|element| {
        let stem = stem(element);
        let number = memrchr(b'~', stem.as_bytes()).map(|at| &stem[at + 1..]);
        let is_short_name =
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        element_fault(element, |element| element[ALLOWED.length_in(element.as_bytes())..].chars().next())
            .or_else(|| is_short_name.then(|| format!("trailing tilde and digits in path element {element:?}")))
    })
}

/// Whether a name is one that files of a module may have.
pub(super) fn is_file_name(name: &str) -> bool {
    let is_allowed = |c: char| {
        if c.is_ascii() { c.is_ascii_alphanumeric() || "!#$%&()+,-.=@[]^_{}~ ".contains(c) } else { c.is_alphabetic() }
    };
    element_fault(name, |name| name.chars().find(|c| !is_allowed(*c))).is_none()
}

/// Whether a file's or folder's name can be given to the compiler, as one that begins like an option cannot.
pub(super) fn is_safe(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric() || "._/".contains(first) || !first.is_ascii())
}

/// Why a name can be no element of a path; `find` finds a character that it may not have.
fn element_fault(element: &str, find: impl Fn(&str) -> Option<char>) -> Option<String> {
    if element.is_empty() {
        return Some("empty path element".to_owned());
    }
    if element.ends_with('.') {
        return Some(format!("trailing dot in path element {element:?}"));
    }
    if let Some(character) = find(element) {
        return Some(format!("invalid char {character:?}"));
    }
    let stem = stem(element);
    is_reserved_on_windows(stem).then(|| format!("{stem:?} is disallowed on Windows"))
}

/// What stands before the first dot of a name.
fn stem(name: &str) -> &str {
    memchr(b'.', name.as_bytes()).map_or(name, |end| &name[..end])
}

fn is_reserved_on_windows(stem: &str) -> bool {
    if !matches!(stem.len(), 3 | 4) {
        return false;
    }
    let stem = stem.to_ascii_uppercase();
    let numbered = |name: &str| stem.strip_prefix(name).is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']));
    ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
}
