//! Files that Rust sources name literally: `include_str!`, `include_bytes!`, `include!`, `#[path]`, and the paths in a
//! build script.

use camino::{Utf8Path, Utf8PathBuf};

const NAMING: [&str; 4] = ["include_str!", "include_bytes!", "include!", "path"];

/// The paths that a source file names, relative to the repository: those it compiles in, and in a build script those
/// that climb out of the package.
///
/// `file` is the source's path and `package` its package's folder, both relative to the repository; a build script's
/// paths start at the package's folder.
pub fn named_files(file: &Utf8Path, package: &Utf8Path, text: &str) -> Vec<Utf8PathBuf> {
    let is_build_script = file.parent() == Some(package);
    let folder = file.parent().unwrap_or(Utf8Path::new(""));
    let mut found = Vec::new();
    for (before, literal) in string_literals(text) {
        let named = NAMING.iter().any(|name| ends_with_call(before, name));
        let base = match (named, is_build_script) {
            (true, _) => folder,
            (false, true) if literal.starts_with("../") => package,
            _ => continue,
        };
        found.extend(resolve(base, literal));
    }
    found.sort();
    found.dedup();
    found
}

/// Whether the code ends in `name(` or `name =`, white space aside.
fn ends_with_call(code: &str, name: &str) -> bool {
    let code = code.trim_end();
    let Some(code) = code.strip_suffix(['(', '=', '[', '{']) else { return false };
    code.trim_end()
        .strip_suffix(name)
        .is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Each plain or raw string literal on one line, with the code before it on that line or the line above.
fn string_literals(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    let mut start_of_code = 0;
    std::iter::from_fn(move || {
        loop {
            let offset = text.len() - rest.len();
            let open = rest.find('"')?;
            let after = &rest[open + 1..];
            let close = after.find('"')?;
            let literal = &after[..close];
            rest = &after[close + 1..];
            let before = text[start_of_code..offset + open].trim_end_matches('#').trim_end_matches('r');
            start_of_code = text.len() - rest.len();
            if !literal.contains('\n') && !literal.contains('\\') {
                return Some((before, literal));
            }
        }
    })
}

/// `path` seen from `base`, with `.` and `..` resolved; nothing where it leaves the repository or is absolute.
fn resolve(base: &Utf8Path, path: &str) -> Option<Utf8PathBuf> {
    if path.starts_with('/') || path.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = base.as_str().split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, text: &str) -> Vec<String> {
        let found = named_files(Utf8Path::new(file), Utf8Path::new("rust/api"), text);
        found.into_iter().map(Utf8PathBuf::into_string).collect()
    }

    #[test]
    fn names_files_that_are_compiled_in() {
        let text = r#"
            const A: &str = include_str!("../../shared/a.txt");
            const B: &[u8] = include_bytes!(
                "../../b.bin"
            );
            const C: &str = include_str!("inside.txt");
            #[path = "../../other/mod.rs"] mod other;
            fn f() { open("../../not-compiled-in.txt"); }
        "#;
        assert_eq!(
            named("rust/api/src/main.rs", text),
            ["rust/api/src/inside.txt", "rust/b.bin", "rust/other/mod.rs", "rust/shared/a.txt"]
        );
    }

    #[test]
    fn a_build_scripts_paths_start_at_the_package() {
        let text = r#"compile_protos(&["../../proto/a.proto"], &["../../proto"]); println!("cargo::x");"#;
        assert_eq!(named("rust/api/build.rs", text), ["proto", "proto/a.proto"]);
    }

    #[test]
    fn what_leaves_the_repository_is_left_alone() {
        assert_eq!(named("rust/api/src/main.rs", r#"include_str!("../../../../etc/passwd")"#), [""; 0]);
        assert_eq!(named("rust/api/src/main.rs", r#"include_str!("/etc/passwd")"#), [""; 0]);
    }
}
