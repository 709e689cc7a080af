//! What goes to standard output and standard error, and to whom.

use std::io::Read as _;
use std::process::Stdio;

use crate::support::{Docker, Repository};

/// Every command that prints.
const COMMANDS: [&[&str]; 8] = [
    &["list"],
    &["list", "--json"],
    &["plan"],
    &["generate", "--check"],
    &["doctor"],
    &["images", "--dry-run"],
    &["images"],
    &["image", "--json", "worker"],
];

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in COMMANDS {
        let repository = Repository::with_services(&["worker"]);
        Docker::working(&repository);
        let mut command = repository.xtask(arguments).into_command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("is a pipe").read_to_string(&mut stderr).expect("reads");
        let expected = if arguments.contains(&"--check") { 1 } else { 0 };
        assert_eq!(child.wait().expect("ends").code(), Some(expected), "{arguments:?}\n{stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error: "), "{arguments:?}\n{stderr}");
    }
}

#[test]
fn nobody_who_reads_the_messages_is_no_failure() {
    for arguments in COMMANDS {
        let repository = Repository::with_services(&["worker"]);
        Docker::working(&repository);
        let mut command = repository.xtask(arguments).into_command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(child.stderr.take());
        let output = child.wait_with_output().expect("ends");
        let expected = if arguments.contains(&"--check") { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let repository = Repository::with_services(&["worker"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("opens");
    let output = repository.xtask(&["list"]).into_command().stdout(full).output().expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.starts_with("error: cannot write the answer: ") && stderr.contains("\nhint: free some disk"),
        "{stderr}"
    );
}

#[test]
fn no_colours_and_no_cursor_movements_in_a_log() {
    for variables in [&[][..], &[("NO_COLOR", "1")], &[("TERM", "xterm-256color"), ("CLICOLOR_FORCE", "1")]] {
        let repository = Repository::with_services(&["api", "web", "worker"]);
        Docker::working(&repository).bake_fails("web", "failure.jsonl");
        for arguments in
            [&["images"][..], &["images", "--verbose"], &["list"], &["doctor"], &["image", "nobody"], &["--help"]]
        {
            let run = variables.iter().fold(repository.xtask(arguments), |run, (name, value)| run.env(name, value));
            let ended = run.ends();
            let text = format!("{ended}");
            assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text:?}");
        }
    }
}

#[test]
fn the_builders_log_is_shown_where_it_is_asked_for() {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository).bake_fails("web", "failure.jsonl");
    let ended = repository.xtask(&["images", "--verbose"]).ends();
    assert!(ended.stderr.contains("web build | compiling web\n"), "{ended}");
    let ended = repository.xtask(&["images"]).ends();
    assert!(!ended.stderr.contains("build | "), "{ended}");
}

#[test]
fn data_goes_to_standard_output_and_everything_else_does_not() {
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository);
    for arguments in [&["images", "--json"][..], &["image", "worker", "--json"], &["list", "--json"], &["plan"]] {
        let ended = repository.xtask(arguments).succeeds();
        assert!(ended.json().is_object() || ended.json().is_array(), "{ended}");
    }
}

#[test]
fn a_wrong_command_line_is_refused_with_what_may_have_been_meant() {
    let repository = Repository::with_services(&["worker"]);
    for (arguments, said) in [
        (&["imagse"][..], "images"),
        (&["images", "--plaform", "linux/arm64"], "--platform"),
        (&["images", "--output", "out", "--load"], "--load"),
        (&["image"], "<NAMES>"),
        (&["-C"], "-C <DIR>"),
        (&[], "Usage: cargo xtask"),
    ] {
        let ended = repository.xtask(arguments).ends();
        assert_eq!(ended.code, Some(2), "{ended}");
        assert!(ended.stderr.contains(said) && ended.stdout.is_empty(), "{said}\n{ended}");
    }
    let ended = repository.xtask(&["--version"]).succeeds();
    assert!(ended.stdout.starts_with("cargo xtask "), "{ended}");
}

#[test]
fn an_environment_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository);
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    repository.xtask(&["images"]).env("ODD", odd).env("GOPROXY", odd).succeeds();
}
