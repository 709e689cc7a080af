//! Runs of the built binary.

use std::process::{Command, Output, Stdio};

use camino::Utf8Path;

use super::Repository;

/// A run, to be started.
pub struct Run {
    command: Command,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn new(repository: &Repository, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(&repository.root).stdin(Stdio::null());
        // Nothing of the machine: no docker of its own, no proxy, no CI.
        command.env_clear().env("PATH", repository.base.join("programs"));
        command.env("HOME", repository.base.join("home")).env("CARGO", env!("CARGO"));
        command.env("FAKE_DOCKER", repository.docker());
        Self { command }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn within(mut self, folder: &Utf8Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    pub fn ends(mut self) -> Ended {
        Ended::from(self.command.output().expect("xtask starts"))
    }

    /// Runs it to its end, which must be a success.
    pub fn succeeds(self) -> Ended {
        let ended = self.ends();
        assert_eq!(ended.code, Some(0), "{ended}");
        ended
    }

    /// Runs it to its end, which must be an error with this code, a `hint:` and no panic. Returns what it said.
    pub fn fails(self, code: i32) -> String {
        let ended = self.ends();
        assert_eq!(ended.code, Some(code), "{ended}");
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains("\nhint: "), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        ended.stderr
    }

    /// The command, for a test that starts it in its own way.
    pub fn into_command(self) -> Command {
        self.command
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
