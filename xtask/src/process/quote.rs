//! Commands as text to show.

use std::collections::BTreeMap;
use std::process::Command;

use crate::quote::shell_word;

/// The command as a line for a POSIX shell: what it changes in the environment, the program, the arguments.
pub(super) fn shell_line(command: &Command, secrets: &BTreeMap<String, String>) -> String {
    let mut words = Vec::new();
    // `get_envs` iterates in the order of the names.
    for (name, value) in command.get_envs() {
        let name = name.to_string_lossy();
        words.push(match value {
            _ if secrets.contains_key(name.as_ref()) => format!("{name}=\"${name}\""),
            Some(value) => format!("{name}={}", shell_word(&value.to_string_lossy())),
            None => format!("{name}="),
        });
    }
    words.push(shell_word(&command.get_program().to_string_lossy()));
    words.extend(command.get_args().map(|argument| shell_word(&argument.to_string_lossy())));
    words.join(" ")
}

/// The text with the values of secrets blotted out, for tools that repeat their environment in an error.
pub(super) fn without_secrets(text: &str, secrets: &BTreeMap<String, String>) -> String {
    let values = secrets.values().filter(|value| !value.trim().is_empty());
    values.fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_reference_and_never_its_value() {
        let mut command = Command::new("docker");
        command.arg("build").env("TOKEN", "hunter2").env("BUILDX_BUILDER", "my builder").env_remove("NOISE");
        let secrets = BTreeMap::from([("TOKEN".to_owned(), "hunter2".to_owned())]);
        assert_eq!(shell_line(&command, &secrets), "BUILDX_BUILDER='my builder' NOISE= TOKEN=\"$TOKEN\" docker build");
        assert_eq!(without_secrets("bad token hunter2", &secrets), "bad token ***");
    }
}
