//! What the files that a source names import in turn.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::paths::resolve;
use crate::files::tree::Tree;

/// A file with those that it imports: what a compiler for protocol buffers or C reads along.
pub(super) fn with_imports(tree: &Tree, file: &Utf8Path) -> Result<BTreeSet<Utf8PathBuf>> {
    let mut files = BTreeSet::new();
    let mut waiting = vec![file.to_owned()];
    while let Some(file) = waiting.pop() {
        if !files.insert(file.clone()) {
            continue;
        }
        let Some(keyword) = importing(&file) else { continue };
        let text = tree.read(&file)?.unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let Some(rest) = line.trim_start().strip_prefix(keyword) else { continue };
            let Some(path) = rest.split('"').nth(1) else { continue };
            // The root of the import is one of the folders above; which one, only the call of the compiler says.
            let roots = file.ancestors().skip(1).filter_map(|root| resolve(root, path));
            waiting.extend(roots.filter(|candidate| tree.is_file(candidate)).take(1));
        }
    }
    Ok(files)
}

/// How a line begins that imports another file.
fn importing(file: &Utf8Path) -> Option<&'static str> {
    match file.extension()? {
        "proto" => Some("import"),
        "c" | "cc" | "cpp" | "cxx" | "h" | "hh" | "hpp" | "hxx" | "S" => Some("#include"),
        _ => None,
    }
}
