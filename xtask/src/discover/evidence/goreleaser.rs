//! GoReleaser's configuration, and ko's: the entries of their lists of builds. Of YAML only what such files use is read:
//! lists of tables in block style, with values on one line.

/// An entry of `builds` or `kos`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dir: String,
    pub(super) main: String,
    pub(super) binary: String,
    /// The package that Cargo builds.
    pub(super) package: String,
    pub(super) is_skipped: bool,
    /// Plugins and libraries are no programs.
    pub(super) is_library: bool,
}

pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut is_in_list = false;
    let mut indent_of_items = None;
    let mut indent_of_keys = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let is_item = content.starts_with("- ") || content == "-";
        if indent == 0 && !is_item {
            is_in_list = matches!(content, "builds:" | "kos:");
            (indent_of_items, indent_of_keys) = (None, None);
            continue;
        }
        if !is_in_list {
            continue;
        }
        let mut content = content;
        let mut indent = indent;
        if is_item && indent_of_items.is_none_or(|first| first == indent) {
            indent_of_items = Some(indent);
            entries.push(Entry::default());
            let rest = content[1..].trim_start();
            indent += content.len() - rest.len();
            content = rest;
            indent_of_keys = (!content.is_empty()).then_some(indent);
        }
        let Some(entry) = entries.last_mut() else { continue };
        if let Some(package) =
            content.split(['"', '\'', ' ', ',', '[', ']']).find_map(|word| word.strip_prefix("--package="))
        {
            package.clone_into(&mut entry.package);
        }
        if !content.is_empty() && *indent_of_keys.get_or_insert(indent) == indent {
            entry.set(content);
        }
    }
    entries.retain(|entry| !entry.is_skipped && !entry.is_library);
    entries
}

impl Entry {
    fn set(&mut self, content: &str) {
        let Some((key, value)) = content.split_once(':') else { return };
        let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']).to_owned();
        match key.trim() {
            "dir" => self.dir = value,
            "main" => self.main = value,
            "binary" => self.binary = value,
            "skip" => self.is_skipped = value == "true",
            "builder" => self.is_library |= value == "prebuilt",
            "buildmode" => self.is_library |= value != "pie" && value != "exe",
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_read_and_other_lists_are_not() {
        let text = "before:\n  hooks:\n    - go mod tidy\nbuilds:\n  - id: a\n    main: ./examples/base # shipped\n    binary: pocketbase\n    hooks:\n      - main: no\n  -\n    dir: \"x\"\n  - skip: true\narchives:\n  - id: b\n    main: c\n";
        let entry = |dir: &str, main: &str, binary: &str| Entry {
            dir: dir.to_owned(),
            main: main.to_owned(),
            binary: binary.to_owned(),
            ..Entry::default()
        };
        assert_eq!(entries(text), [entry("", "./examples/base", "pocketbase"), entry("x", "", "")]);
        assert_eq!(entries("builds:\n- main: ./a\n- main: ./b\n  buildmode: c-shared\n"), [entry("", "./a", "")]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "((builds:|  ?- |    )?(\\PC|[:'\" #-])*\\n)*") {
            entries(&text);
        }
    }
}
