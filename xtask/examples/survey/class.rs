//! The class of a refusal: one word, by the file that it is about, or by what is said of it.

/// Words that tell a class wherever they stand; the first that fits counts.
const WORDS: [(&str, &str); 19] = [
    (" services are named ", "name"),
    ("is no image name", "name"),
    ("can name none", "name"),
    ("[package.metadata.image]", "settings"),
    ("image.toml", "settings"),
    ("the settings name", "settings"),
    ("outside the repository", "outside"),
    ("inconsistent vendoring", "vendor"),
    ("go:embed", "embed"),
    ("pattern ", "embed"),
    ("include_", "embed"),
    ("`cgo", "cgo"),
    (" cgo", "cgo"),
    ("build constraints exclude", "constraints"),
    ("toolchain", "toolchain"),
    ("no required module provides", "import"),
    ("is not in std", "import"),
    ("folder that is not here", "import"),
    ("imports", "import"),
];

/// How the names of files end, and the class of what is wrong with one.
const FILES: [(&str, &str); 9] = [
    ("Cargo.lock", "lock"),
    ("Cargo.toml", "manifest"),
    (".cargo/config.toml", "config-key"),
    (".cargo/config", "config-key"),
    ("go.mod", "go.mod"),
    ("go.sum", "go.mod"),
    ("go.work", "go.work"),
    (".go", "source"),
    (".rs", "source"),
];

/// The class of a refusal with this text.
pub fn class(text: &str) -> &'static str {
    let first = text.lines().next().unwrap_or_default();
    let by_word = WORDS.iter().find(|(words, _)| first.contains(words)).map(|(_, class)| *class);
    by_word.or_else(|| first.split_whitespace().find_map(of_file)).unwrap_or("other")
}

/// The class by a word that is the path of a file, perhaps with a line.
fn of_file(word: &str) -> Option<&'static str> {
    let path = word.trim_matches(['`', '"', ',', ':']).split(':').next()?;
    FILES.iter().find(|(end, _)| path.ends_with(end)).map(|(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_belongs_to_the_file_that_it_is_about() {
        for (text, expected) in [
            ("Cargo.lock is out of date: it has no `heim` as Cargo.toml wants it", "lock"),
            ("a/Cargo.toml: dependency (curl) specified without providing a local path", "manifest"),
            ("templates/http-go/content/go.mod:1: usage: module module/path", "go.mod"),
            ("go.work:3: unknown directive: uze", "go.work"),
            ("api/api.go:2: expected `package`, found func", "source"),
            ("src/main.rs:1: there is no src/a.rs", "source"),
            ("a/.cargo/config.toml: `build.rustc`", "config-key"),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_said_goes_before_the_file() {
        for (text, expected) in [
            ("3 services are named `main`: graft/main, cmd/main, main", "name"),
            ("cmd/x/image.toml:3: unknown key `bass`", "settings"),
            ("ui/embed.go:7: pattern all:dist: no matching files found", "embed"),
            ("src/lib.rs:4: include_str! of a file that is not here", "embed"),
            ("build constraints exclude all Go files in librclone", "constraints"),
            ("a.go:12: no required module provides github.com/a/b", "import"),
            ("disk full", "other"),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }
}
