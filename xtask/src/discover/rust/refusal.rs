//! What Cargo says of a manifest that it refuses, in one line and with its place.

use camino::{Utf8Path, Utf8PathBuf};

use super::super::Problem;
use crate::files::tree::Below as _;

/// The problem that cargo's `stderr` tells of. `folder` is where it ran, `manifest` what it was asked for.
pub(super) fn problem(stderr: &str, root: &Utf8Path, folder: &Utf8Path, manifest: &Utf8Path) -> Problem {
    let stderr = from_repository(stderr, root);
    let errors = stderr.split("\n").skip_while(|line| !line.starts_with("error: "));
    let text = errors.collect::<Vec<_>>().join("\n");
    let text = text.strip_prefix("error: ").unwrap_or(stderr.trim());
    in_a_document(text, root, folder).unwrap_or_else(|| in_a_chain(text, manifest))
}

/// Whether Cargo refused what nightly may take.
pub(super) fn may_be_for_nightly(problem: &Problem) -> bool {
    ["nightly", "is not stabilized", "Cargo feature"].iter().any(|words| problem.message.contains(words))
}

/// Paths in the repository as seen from its root.
fn from_repository(text: &str, root: &Utf8Path) -> String {
    text.replace('\r', "")
        .replace(&format!("`{root}`"), "`.`")
        .replace(&format!("{root}/"), "")
        .replace(&format!("{root}\\"), "")
}

/// An error that points into a TOML document: a message, then ` --> path:line:column`.
fn in_a_document(text: &str, root: &Utf8Path, folder: &Utf8Path) -> Option<Problem> {
    let (message, rest) = text.split_once('\n')?;
    let arrow = rest.lines().next()?.trim_start().strip_prefix("--> ")?;
    let mut parts = arrow.rsplitn(3, ':').skip(1);
    let (line, file) = (parts.next()?, parts.next()?);
    let absolute = folder.below(file);
    let file = absolute.strip_prefix(root).unwrap_or(Utf8Path::new(file));
    Some(Problem { place: format!("{file}:{line}"), message: message.trim().to_owned() })
}

/// An error with its causes, each in a paragraph after `Caused by:`; the last one tells the most.
fn in_a_chain(text: &str, manifest: &Utf8Path) -> Problem {
    let mut place: Utf8PathBuf = manifest.to_owned();
    let mut parts: Vec<String> = Vec::new();
    for block in text.split("\nCaused by:\n") {
        if let Some(path) = block.trim().strip_prefix("failed to parse manifest at `") {
            place = path.trim_end_matches('`').into();
            parts.clear();
        } else if !block.starts_with("failed to load manifest for workspace member") {
            parts.push(one_line(block));
        }
    }
    let message = if parts.is_empty() { one_line(text) } else { parts.join(": ") };
    Problem { place: place.into_string(), message }
}

fn one_line(block: &str) -> String {
    // What follows in a paragraph of its own is advice.
    let lines = block.trim().lines().map(str::trim).take_while(|line| !line.is_empty());
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("See https://")).collect();
    let mut text = String::new();
    for line in lines {
        let joint = if text.is_empty() {
            ""
        } else if text.ends_with(':') {
            " "
        } else {
            "; "
        };
        text.push_str(joint);
        text.push_str(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stderr: &str) -> String {
        let problem = problem(stderr, "/r/repo".into(), "/".into(), "a/Cargo.toml".into());
        format!("{}: {}", problem.place, problem.message)
    }

    #[test]
    fn a_document_that_does_not_parse_names_file_and_line() {
        let stderr = "warning: unused\nerror: extra `=`, expected nothing\n --> r/repo/b/Cargo.toml:7:5\n  |\n7 | x = = 3\n  |     ^\n\
            error: failed to load manifest for workspace member `/r/repo/a`\nreferenced by workspace at `/r/repo/Cargo.toml`\n";
        assert_eq!(told(stderr), "b/Cargo.toml:7: extra `=`, expected nothing");
    }

    #[test]
    fn the_last_manifest_in_a_chain_is_the_place() {
        let stderr = "error: failed to load manifest for workspace member `/r/repo/a`\nreferenced by workspace at `/r/repo/Cargo.toml`\n\n\
            Caused by:\n  failed to load manifest for dependency `b`\n\n\
            Caused by:\n  failed to parse manifest at `/r/repo/b/Cargo.toml`\n\n\
            Caused by:\n  no targets specified in the manifest\n  either src/lib.rs, src/main.rs, a [lib] section, or [[bin]] section must be present\n";
        assert_eq!(
            told(stderr),
            "b/Cargo.toml: no targets specified in the manifest; either src/lib.rs, src/main.rs, a [lib] section, or [[bin]] section must be present"
        );
    }

    #[test]
    fn a_missing_manifest_is_told_with_the_dependency() {
        let stderr = "error: failed to load manifest for workspace member `/r/repo/a`\nreferenced by workspace at `/r/repo/Cargo.toml`\n\n\
            Caused by:\n  failed to load manifest for dependency `z`\n\n\
            Caused by:\n  failed to read `/r/repo/z/Cargo.toml`\n\nCaused by:\n  No such file or directory (os error 2)\n";
        assert_eq!(
            told(stderr),
            "a/Cargo.toml: failed to load manifest for dependency `z`: failed to read `z/Cargo.toml`: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn an_error_without_a_cause_is_one_line() {
        let stderr = "error: current package believes it's in a workspace when it's not:\ncurrent:   /r/repo/a/Cargo.toml\n\
            workspace: /r/repo/Cargo.toml\n\nthis may be fixable by adding `a`\n";
        assert_eq!(
            told(stderr),
            "a/Cargo.toml: current package believes it's in a workspace when it's not: current: a/Cargo.toml; \
            workspace: Cargo.toml"
        );
        assert_eq!(told("killed"), "a/Cargo.toml: killed");
    }
}
