//! What a failure says, and the exit code it ends in.

use std::fmt;
use std::io::ErrorKind;

/// The exit codes of every command.
///
/// `0` yes; `1` a check says no (stale files, over budget); `2` wrong usage or configuration; `3` a tool, build,
/// registry or machine failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// All is well.
    Success = 0,
    /// A check answered no.
    CheckFailed = 1,
    /// The request or the repository's configuration is wrong.
    Usage = 2,
    /// A tool, a build, a registry or the machine failed.
    Failure = 3,
}

/// A failure with the command or edit that mends it.
///
/// The message is a lower-case fragment that names the file or service, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: ExitCode,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// The request or the configuration is wrong: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: ExitCode::Usage, message: message.into(), hint: None }
    }

    /// A tool, build, registry or the machine failed: exit code 3.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { code: ExitCode::Failure, message: message.into(), hint: None }
    }

    /// A whole chain of errors as one, with all of its hints: a value that can be kept and compared.
    pub fn of(error: &anyhow::Error) -> Self {
        Self { code: exit_code(error), message: format!("{error:#}"), hint: Some(hints(error).join("\nhint: ")) }
    }

    /// What the process ends in because of it.
    pub fn code(&self) -> ExitCode {
        self.code
    }

    /// The hint lines, without the first `hint: `; empty where it has none.
    pub fn hints(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The exit code of a failure: that of the outermost [`Error`] in its chain, else [`ExitCode::Failure`].
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    own_errors(error).next().map_or(ExitCode::Failure, |own| own.code)
}

/// The text for a person: the chain in one line, then a `hint:` line for each hint in it, or for what usually helps.
pub fn describe(error: &anyhow::Error) -> String {
    hints(error).into_iter().fold(format!("error: {error:#}"), |text, hint| text + "\nhint: " + hint)
}

/// The same error with one more hint, the last.
pub fn with_hint(error: &anyhow::Error, hint: &str) -> anyhow::Error {
    let own = Error::of(error);
    let all = format!("{}\nhint: {hint}", own.hints());
    own.hint(all).into()
}

/// What mends it: the hints in the chain, or what usually helps.
pub fn hints(error: &anyhow::Error) -> Vec<&str> {
    let mut hints: Vec<_> = own_errors(error).filter_map(|own| own.hint.as_deref()).collect();
    if hints.is_empty() {
        hints.push(usual_hint(error));
    }
    hints
}

/// What usually helps where the system refused something, or a tool did.
fn usual_hint(error: &anyhow::Error) -> &'static str {
    if exit_code(error) == ExitCode::Usage {
        return "mend it, then repeat the command";
    }
    let system = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    match system.map(std::io::Error::kind) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => "free some disk space, then repeat the command",
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "give your user access to it, then repeat the command"
        }
        Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists) => {
            "something else is in its place: move that away"
        }
        _ => "`cargo xtask doctor` says whether this machine can build",
    }
}

fn own_errors(error: &anyhow::Error) -> impl Iterator<Item = &Error> {
    error.chain().filter_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_hint_survives_added_context() {
        let result: anyhow::Result<()> = Err(Error::usage("unknown key `budgett`").hint("write `budget`").into());
        let error = result.context("image.toml:3").expect_err("is an error");
        assert_eq!(describe(&error), "error: image.toml:3: unknown key `budgett`\nhint: write `budget`");
        assert_eq!(exit_code(&error), ExitCode::Usage);
        let error = with_hint(&error, "or not");
        assert_eq!(describe(&error), "error: image.toml:3: unknown key `budgett`\nhint: write `budget`\nhint: or not");
        assert_eq!(exit_code(&error), ExitCode::Usage);
    }

    #[test]
    fn a_full_disk_has_a_hint_of_its_own() {
        let error = anyhow::Error::new(std::io::Error::from(ErrorKind::StorageFull)).context("cannot write a/b");
        assert_eq!(
            describe(&error),
            "error: cannot write a/b: no storage space\nhint: free some disk space, then repeat the command"
        );
    }

    #[test]
    fn an_error_of_another_kind_is_a_failure_of_the_machine() {
        assert_eq!(exit_code(&anyhow::anyhow!("disk full")), ExitCode::Failure);
    }
}
