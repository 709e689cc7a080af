//! What a person sees who watches a build on a terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Docker, Repository};

/// What a failing build of three services shows on a terminal of this kind.
fn shown(variables: &[(&str, &str)]) -> String {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository).bake_fails("web", "failure.jsonl");
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("is ours");
    unlockpt(&terminal).expect("unlocks");
    let name = ptsname(&terminal, Vec::new()).expect("has a name").into_string().expect("is UTF-8");
    let run = variables.iter().fold(repository.xtask(&["images"]), |run, (name, value)| run.env(name, value));
    let mut command = run.into_command();
    let other_end = File::options().read(true).write(true).open(name).expect("opens");
    let mut child = command.stdout(Stdio::null()).stderr(other_end).spawn().expect("starts");
    // The command holds its end of the terminal open, too.
    drop(command);
    let mut bytes = Vec::new();
    // Once nobody is left at the other end, Linux calls it an error and others the end.
    let _ = File::from(terminal).read_to_end(&mut bytes);
    assert_eq!(child.wait().expect("ends").code(), Some(3));
    String::from_utf8(bytes).expect("is UTF-8")
}

#[test]
fn lines_that_change_and_colours() {
    let text = shown(&[("TERM", "xterm")]);
    assert!(text.contains("\u{1b}[32m✓\u{1b}[0m api"), "{text:?}");
    assert!(text.contains("\u{1b}[31m✗\u{1b}[0m web"), "{text:?}");
    assert!(text.contains("error: web failed at [build 2/2]"), "{text:?}");
}

#[test]
fn no_colours_where_they_are_not_wanted() {
    let text = shown(&[("TERM", "xterm"), ("NO_COLOR", "1")]);
    assert!(text.contains("✓ api") && text.contains("✗ web"), "{text:?}");
    // A colour is an escape sequence that ends in m.
    let escapes = text
        .split("\u{1b}[")
        .skip(1)
        .filter_map(|rest| rest.find(|end: char| end.is_ascii_alphabetic()).map(|end| &rest[..=end]));
    let colours: Vec<_> = escapes.filter(|escape| escape.ends_with('m')).collect();
    assert_eq!(colours, [""; 0]);
}

#[test]
fn plain_lines_on_a_terminal_that_cannot_move_its_cursor() {
    let text = shown(&[("TERM", "dumb")]);
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("web: failed at build after "), "{text:?}");
}
