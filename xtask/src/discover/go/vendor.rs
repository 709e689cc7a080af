//! `vendor/modules.txt`: which vendored package belongs to which module.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// A folder of vendored modules.
#[derive(Debug, Default)]
pub(super) struct Vendor {
    /// The folder, from the repository's root.
    pub(super) dir: Utf8PathBuf,
    /// The module of each vendored package.
    pub(super) packages: BTreeMap<String, String>,
}

impl Vendor {
    /// Whether the text of a `modules.txt` was written for a workspace.
    pub(super) fn is_for_workspace(text: &str) -> bool {
        let first = text.lines().next().and_then(|line| line.strip_prefix("## "));
        first.is_some_and(|notes| notes.split(';').any(|note| note.trim() == "workspace"))
    }

    /// Reads the text of a `modules.txt`.
    pub(super) fn parse(dir: Utf8PathBuf, text: &str) -> Self {
        let mut packages = BTreeMap::new();
        let mut module = None;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("# ") {
                module = heading.split_whitespace().next().map(str::to_owned);
            } else if let Some(module) = module.as_ref().filter(|_| !line.starts_with('#') && !line.trim().is_empty()) {
                packages.insert(line.trim().to_owned(), module.clone());
            }
        }
        Self { dir, packages }
    }
}
