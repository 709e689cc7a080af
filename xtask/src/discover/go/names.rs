//! What Go allows in the names of files, packages and modules.

use memchr::{memchr, memrchr};

use super::byte_set::ByteSet;

/// Why a path can be no import path; `None` where it can.
pub(super) fn import_path_fault(path: &str) -> Option<String> {
    static ALLOWED: ByteSet = ByteSet::letters_digits_and(b"-._~+");
    // What nearly all elements are made of.
    static PLAIN: ByteSet = ByteSet::letters_digits_and(b"-_");
    if path.starts_with('-') {
        return Some("leading dash".to_owned());
    }
    path.split('/').find_map(|element| {
        if !element.is_empty() && PLAIN.has_all(element.as_bytes()) && !is_reserved_on_windows(element) {
            return None;
        }
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
    let is_any_of = |word: &str, names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    match (stem.len(), stem.split_at_checked(3)) {
        (3, _) => is_any_of(stem, &["con", "prn", "aux", "nul"]),
        (4, Some((word, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))) => is_any_of(word, &["com", "lpt"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `module.CheckImportPath` of golang.org/x/mod says of the same paths.
    #[test]
    fn import_paths_are_those_of_go() {
        let allowed = [
            "x.y/z",
            "x.y/a-b_c",
            ".x/z",
            "x/-y",
            "x..y/z",
            "x/cont",
            "x/com0",
            "x/com",
            "x/lpt10",
            "x/a~b",
            "x/a~",
            "x/a+b",
        ];
        for path in allowed {
            assert_eq!(import_path_fault(path), None, "{path}");
        }
        let refused = [
            ("", "empty path element"),
            ("/x", "empty path element"),
            ("x/", "empty path element"),
            ("x//y", "empty path element"),
            ("-x/z", "leading dash"),
            ("x./z", "trailing dot in path element \"x.\""),
            ("x/con", "\"con\" is disallowed on Windows"),
            ("x/CON", "\"CON\" is disallowed on Windows"),
            ("x/con.txt", "\"con\" is disallowed on Windows"),
            ("x/aux/y", "\"aux\" is disallowed on Windows"),
            ("x/com1", "\"com1\" is disallowed on Windows"),
            ("x/Com9.go", "\"Com9\" is disallowed on Windows"),
            ("x/lpt5", "\"lpt5\" is disallowed on Windows"),
            ("x/a~1", "trailing tilde and digits in path element \"a~1\""),
            ("x/a~1.b", "trailing tilde and digits in path element \"a~1.b\""),
            ("x/a b", "invalid char ' '"),
            ("x/a:b", "invalid char ':'"),
            ("x/comü", "invalid char 'ü'"),
        ];
        for (path, fault) in refused {
            assert_eq!(import_path_fault(path).as_deref(), Some(fault), "{path}");
        }
    }
}
