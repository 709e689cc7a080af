//! What Go allows in the names of files, packages and modules.

/// Why a path can be no import path; `None` where it can.
pub(super) fn import_path_fault(path: &str) -> Option<String> {
    if path.starts_with('-') {
        return Some("leading dash".to_owned());
    }
    path.split('/').find_map(|element| {
        let stem = element.split('.').next().unwrap_or_default();
        let is_short_name = stem
            .rsplit_once('~')
            .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+".contains(c);
        element_fault(element, is_allowed)
            .or_else(|| is_short_name.then(|| format!("trailing tilde and digits in path element {element:?}")))
    })
}

/// Whether a name is one that files of a module may have.
pub(super) fn is_file_name(name: &str) -> bool {
    let is_allowed = |c: char| {
        if c.is_ascii() { c.is_ascii_alphanumeric() || "!#$%&()+,-.=@[]^_{}~ ".contains(c) } else { c.is_alphabetic() }
    };
    element_fault(name, is_allowed).is_none()
}

/// Whether a file's or folder's name can be given to the compiler, as one that begins like an option cannot.
pub(super) fn is_safe(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric() || "._/".contains(first) || !first.is_ascii())
}

fn element_fault(element: &str, is_allowed: impl Fn(char) -> bool) -> Option<String> {
    if element.is_empty() {
        return Some("empty path element".to_owned());
    }
    if element.ends_with('.') {
        return Some(format!("trailing dot in path element {element:?}"));
    }
    if let Some(character) = element.chars().find(|c| !is_allowed(*c)) {
        return Some(format!("invalid char {character:?}"));
    }
    let stem = element.split('.').next().unwrap_or_default();
    is_reserved_on_windows(stem).then(|| format!("{stem:?} is disallowed on Windows"))
}

fn is_reserved_on_windows(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered = |name: &str| stem.strip_prefix(name).is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']));
    ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
}
