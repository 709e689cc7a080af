//! The literal values that names have in a file: Dockerfile arguments, variables of makefiles, entries of a matrix.

use std::collections::{BTreeMap, BTreeSet};

use super::shell::{UNKNOWN, without_references};

/// More values of one word than these are as good as unknown.
const MOST_VALUES: usize = 64;

/// The values of names, several where a matrix or several files give them.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(BTreeMap<String, BTreeSet<String>>);

impl Variables {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let value = without_references(value);
        // What a command prints is not known.
        let is_printed = value.contains(['`']) || value.contains("$(");
        self.0.entry(name.to_owned()).or_default().insert(if is_printed { UNKNOWN.to_string() } else { value });
    }

    /// Takes over the values that another file passes under these names; in HCL a value may be a bare name.
    pub(super) fn add_passed(&mut self, other: &Self, names: &[String]) {
        for name in names {
            for value in other.values(name) {
                let values = other.expand(value.split_whitespace().next().unwrap_or_default());
                let named = values.iter().flat_map(|value| other.values(value)).map(str::to_owned);
                let values: Vec<String> = named.chain(values.iter().cloned()).collect();
                self.0.entry(name.clone()).or_default().extend(values);
            }
        }
    }

    /// What `name: value`, `name = value` and lists below a name say in a text of YAML, HCL, shell or make.
    pub(super) fn read(text: &str) -> Self {
        let mut variables = Self::default();
        let mut list: Option<(String, usize)> = None;
        for line in text.replace("\\\n", " ").lines() {
            let indent = line.len() - line.trim_start().len();
            let line = line.trim();
            if let (Some((name, of_list)), Some(item)) = (&list, line.strip_prefix("- "))
                && indent >= *of_list
                && !item.contains(": ")
            {
                variables.add_values(name, item);
                continue;
            }
            let line = line.strip_prefix("- ").unwrap_or(line);
            let line = line.strip_prefix("export ").unwrap_or(line);
            list = None;
            for part in entries(line) {
                let Some((name, value)) = part.split_once([':', '=']) else { continue };
                let name = name.trim_end_matches(['?', '+', ':']).trim().trim_matches(['"', '\'']);
                let name = name.rsplit(' ').next().unwrap_or(name);
                let value = value.trim_start_matches('=').trim();
                let is_of_name = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
                if name.is_empty() || !name.chars().all(is_of_name) {
                    continue;
                }
                if value.is_empty() {
                    list = Some((name.to_owned(), indent));
                } else {
                    variables.add_values(name, value);
                }
            }
        }
        variables
    }

    fn add_values(&mut self, name: &str, value: &str) {
        let value = value.split(" #").next().unwrap_or(value).trim().trim_end_matches(',');
        let values = match value.strip_prefix('[') {
            Some(list) => list.trim_end_matches(']').split(',').collect(),
            None => vec![value],
        };
        for value in values {
            let value = value.trim().trim_matches(['"', '\'']);
            if !value.is_empty() {
                self.add(name, value);
            }
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The text with each reference that has one value replaced by that.
    pub(super) fn expand_single(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // A value may refer to others, and in a broken file to itself.
        for _ in 0..3 {
            let single = self.0.iter().filter(|(name, values)| values.len() == 1 && text.contains(name.as_str()));
            let replaced = single.flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
            let replaced: Vec<_> = replaced.collect();
            for (name, value) in replaced {
                if text.len() < 100_000 && !value.contains(&format!("${{{name}}}")) {
                    text = text.replace(&format!("${{{name}}}"), value);
                }
            }
        }
        text
    }

    /// Every text that a word may stand for; [`UNKNOWN`] where a value is not known.
    pub(super) fn expand(&self, word: &str) -> Vec<String> {
        let mut done = BTreeSet::new();
        let mut waiting = vec![(word.to_owned(), 0)];
        while let Some((word, depth)) = waiting.pop() {
            let Some((before, inner, after)) = first_reference(&word) else {
                done.insert(word);
                continue;
            };
            let (name, default) = inner
                .split_once(":-")
                .or_else(|| inner.split_once('-').filter(|(name, _)| self.0.contains_key(*name)))
                .unwrap_or((inner, ""));
            let values = self.0.get(name).filter(|_| depth < 4);
            match values {
                Some(values) if done.len() + waiting.len() + values.len() <= MOST_VALUES => {
                    waiting.extend(values.iter().map(|value| (format!("{before}{value}{after}"), depth + 1)));
                }
                None if !default.is_empty() => waiting.push((format!("{before}{default}{after}"), depth + 1)),
                _ => waiting.push((format!("{before}{UNKNOWN}{after}"), depth)),
            }
        }
        done.into_iter().collect()
    }
}

/// The line, or the entries of the table that it holds in braces.
fn entries(line: &str) -> Vec<&str> {
    let table = ["= {", "={", ": {"].iter().find_map(|open| line.split_once(open));
    let Some((name, table)) = table.filter(|(name, _)| !name.contains('$')) else { return vec![line] };
    let mut entries = vec![name];
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in table.char_indices() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                entries.push(&table[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries.push(table[start..].trim_end().trim_end_matches('}'));
    entries
}

fn first_reference(word: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = word.split_once("${")?;
    let (inner, after) = rest.split_once('}')?;
    Some((before, inner, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_any_notation() {
        let text = "matrix:\n  service: [api, 'web']\n  bin:\n    - one\n    - two\n  include:\n    - name: x\n      os: y\nargs = { TARGET = \"z\" }\nBIN ?= app\n";
        let variables = Variables::read(text);
        let values = |name: &str| variables.values(name).collect::<Vec<_>>().join(" ");
        assert_eq!(
            ["service", "bin", "name", "os", "TARGET", "BIN"].map(values),
            ["api web", "one two", "x", "y", "z", "app"]
        );
        assert_eq!(variables.expand("./cmd/${service}"), ["./cmd/api", "./cmd/web"]);
        assert_eq!(variables.expand("${none}/${BIN}"), ["*/app"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_or_runs_away(text in "((\\PC|[\\n{}\\[\\]:=$ -])*|([ab] ?[:=] ?\\$\\{[ab]\\}[ab]\\n)*)") {
            let variables = Variables::read(&text);
            variables.expand(&variables.expand_single("${a} ${b}"));
        }
    }
}
