//! Commands as text.

use std::collections::BTreeMap;
use std::process::Command;

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

/// One word of a POSIX shell's line, in single quotes where it needs any.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&byte);
    // An equals sign in the first word would make it an assignment, but no program of ours has one.
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text with the values of secrets blotted out, for tools that repeat their environment in an error.
pub(super) fn without_secrets(text: &str, secrets: &BTreeMap<String, String>) -> String {
    let values = secrets.values().filter(|value| !value.trim().is_empty());
    values.fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(shell_word("--file=docker/bake.json"), "--file=docker/bake.json");
        assert_eq!(shell_word("*.output=type=docker"), "'*.output=type=docker'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_secret_is_a_reference_and_never_its_value() {
        let mut command = Command::new("docker");
        command.arg("build").env("TOKEN", "hunter2").env("BUILDX_BUILDER", "my builder").env_remove("NOISE");
        let secrets = BTreeMap::from([("TOKEN".to_owned(), "hunter2".to_owned())]);
        assert_eq!(shell_line(&command, &secrets), "BUILDX_BUILDER='my builder' NOISE= TOKEN=\"$TOKEN\" docker build");
        assert_eq!(without_secrets("bad token hunter2", &secrets), "bad token ***");
    }

    proptest! {
        #[test]
        fn a_quoted_word_reads_back_as_itself(text in "[ -~\n]{0,40}") {
            let quoted = shell_word(&text);
            let read = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))
                .map_or(quoted.clone(), |inner| inner.replace(r"'\''", "'"));
            prop_assert_eq!(read, text);
        }
    }
}
