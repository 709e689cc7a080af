//! A person's text inside of a text that something else parses: one function for each parser. Pure.
//!
//! None of these formats can hold every control character, so those are refused before: see [`has_control`].

use std::fmt::Write as _;

/// Characters that mean themselves to a shell, a Dockerfile and its `COPY`, beside letters and digits.
const PLAIN: &str = "-_./:=,@+%";

/// Whether a text holds a control character, of which a line break is one. No generated file can hold it as a value.
pub fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

/// One word of a POSIX shell's line, in single quotes where it needs any. A word that begins with `-` is still an option
/// to the program that gets it.
pub fn shell_word(text: &str) -> String {
    // An equals sign in the first word would make it an assignment, but no program of ours has one.
    if is_plain(text) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The value of an `ENV` or a `LABEL`, in double quotes: the builder would expand a dollar.
pub fn dockerfile_string(text: &str) -> String {
    format!("\"{}\"", with_backslashes(text, "\"\\$"))
}

/// The whole argument of a `WORKDIR`, in double quotes where it needs any.
pub fn dockerfile_word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { dockerfile_string(text) }
}

/// The words of a `COPY`, with their sources taken literally: in the plain form, or as a JSON list, whose words the
/// builder takes for globs and expands all the same.
pub fn copy_words(sources: &[&str], target: &str) -> String {
    if sources.iter().chain([&target]).all(|word| is_plain(word) && !word.starts_with('-')) {
        return sources.iter().copied().chain([target]).collect::<Vec<_>>().join(" ");
    }
    let expanded = |word: &str| with_backslashes(word, "\\'\"$<");
    let words: Vec<_> =
        sources.iter().map(|source| expanded(&literal_glob(source))).chain([expanded(target)]).collect();
    json_array(words.iter().map(String::as_str))
}

/// The sources of a `COPY`, from [what stands behind its options](copy_words).
pub fn copy_sources(words: &str) -> Vec<String> {
    let list = serde_json::from_str::<Vec<String>>(words)
        .map(|words| words.iter().map(|word| without_classes(&without_backslashes(word))).collect());
    let mut words: Vec<String> = list.unwrap_or_else(|_| words.split(' ').map(str::to_owned).collect());
    words.pop();
    words
}

/// A JSON array of strings, as the exec forms want it.
pub fn json_array<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(json_string).collect();
    format!("[{}]", words.join(", "))
}

/// A JSON string.
pub fn json_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A string of a bake file: HCL's are templates.
pub fn bake_string(text: &str) -> String {
    // A dollar before the sign would take part in it: `$$${` is no escape. A number is no sign.
    json_string(text).replace("${", "\\u0024{").replace("%{", "\\u0025{")
}

/// A path as a pattern of an ignore file, which shows or hides that path alone, with what is below it.
pub fn ignore_pattern(path: &str) -> String {
    let mut pattern = String::new();
    let last = path.chars().count().saturating_sub(1);
    for (at, character) in path.chars().enumerate() {
        match character {
            // The builder trims a line, and what follows its `!`.
            space if space.is_whitespace() && (at == 0 || at == last) => {
                let _ = write!(pattern, "[{space}]");
            }
            '*' | '?' | '[' | ']' | '\\' | '^' => {
                pattern.push('\\');
                pattern.push(character);
            }
            other => pattern.push(other),
        }
    }
    // `./` where the first sign would make it a comment or an exception; the builder drops it.
    if path.starts_with(['!', '#']) { format!("./{pattern}") } else { pattern }
}

/// The path that a [pattern](ignore_pattern) stands for; `None` where it is a glob.
pub fn literal_path(pattern: &str) -> Option<String> {
    let mut path = String::new();
    let mut rest = pattern.strip_prefix("./").unwrap_or(pattern).chars();
    while let Some(character) = rest.next() {
        match character {
            '*' | '?' => return None,
            '\\' => path.push(rest.next()?),
            '[' => match (rest.next()?, rest.next()?) {
                (space, ']') if space.is_whitespace() => path.push(space),
                _ => return None,
            },
            other => path.push(other),
        }
    }
    Some(path)
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric() || PLAIN.contains(character))
}

fn with_backslashes(text: &str, special: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars() {
        if special.contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

fn without_backslashes(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

/// A glob that matches nothing but this path: each special character is a class of its own. With a backslash alone the
/// builder would take the part for no glob, and look for a name with that backslash.
fn literal_glob(path: &str) -> String {
    let mut glob = String::new();
    for character in path.chars() {
        match character {
            '*' | '?' | '[' => {
                let _ = write!(glob, "[{character}]");
            }
            '\\' => glob.push_str("[\\\\]"),
            other => glob.push(other),
        }
    }
    glob
}

fn without_classes(glob: &str) -> String {
    ['*', '?', '[']
        .iter()
        .fold(glob.replace("[\\\\]", "\\"), |glob, special| glob.replace(&format!("[{special}]"), &special.to_string()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_expand_them() {
        assert_eq!(shell_word("--file=docker/bake.json"), "--file=docker/bake.json");
        assert_eq!(shell_word("*.output=type=docker"), "'*.output=type=docker'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn dockerfile_words_are_quoted_where_a_builder_would_split_or_expand_them() {
        assert_eq!(dockerfile_word("/data"), "/data");
        assert_eq!(dockerfile_word("/my data"), "\"/my data\"");
        assert_eq!(dockerfile_string("$HOME \"a\\b\""), r#""\$HOME \"a\\b\"""#);
        assert_eq!(copy_words(&["a/b.txt", "c/"], "/d/"), "a/b.txt c/ /d/");
        assert_eq!(copy_words(&["--a"], "/a"), r#"["--a", "/a"]"#);
        assert_eq!(copy_words(&["a b*.txt", "$x"], "/it's*"), r#"["a b[*].txt", "\\$x", "/it\\'s*"]"#);
    }

    #[test]
    fn patterns_and_bake_strings_mean_the_text_itself() {
        for (path, pattern) in [
            ("a/b.txt", "a/b.txt"),
            ("a/{b}, c", "a/{b}, c"),
            ("#a", "./#a"),
            ("!a", "./!a"),
            (" a/ b ", "[ ]a/ b[ ]"),
            ("[a]*?\\^", r"\[a\]\*\?\\\^"),
        ] {
            assert_eq!(ignore_pattern(path), pattern);
        }
        assert_eq!(bake_string("a\"b"), r#""a\"b""#);
        assert_eq!(bake_string("${a} $b 5%{"), r#""\u0024{a} $b 5\u0025{""#);
    }

    proptest! {
        #[test]
        fn a_shell_reads_a_word_as_it_was(words in prop::collection::vec("[ -~äß\u{2028}\n\t]{0,20}", 1..5)) {
            let line: String = words.iter().map(|word| format!(" {}", shell_word(word))).collect();
            let output = Command::new("sh").args(["-c", &format!("printf '%s\\0'{line}")]).output().expect("starts sh");
            let expected: String = words.iter().map(|word| format!("{word}\0")).collect();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        }

        #[test]
        fn sources_of_a_copy_read_back(sources in prop::collection::vec("[!-~ä]{1,3}[ -~ä]{0,20}", 1..5)) {
            let words: Vec<_> = sources.iter().map(String::as_str).collect();
            prop_assert_eq!(copy_sources(&copy_words(&words, "/to here/")), sources);
        }

        #[test]
        fn a_pattern_reads_back_as_its_path(
            path in "[ -~ä\u{3000}]{1,20}".prop_filter("no path of a repository begins so", |path| !path.starts_with("./"))
        ) {
            prop_assert_eq!(literal_path(&ignore_pattern(&path)), Some(path));
        }
    }
}
