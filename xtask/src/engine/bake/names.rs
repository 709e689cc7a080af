//! The lines of an ignore file with names in the place of globs.
//!
//! Where a line that shows files has a glob, buildx looks at everything in the repository to find them: at compiled programs,
//! at the packages of other languages, at 160,000 files where 100 are wanted. By names alone it goes only where they lead.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8Path;

use super::context::{add, matches};
use super::visible::Pattern;
use crate::files::tree::Tree;
use crate::plan::ContextRule;
use crate::quote::{has_control, literal_path};

/// Rules that show the same files as they are now; `None` where these rules have no such glob.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn instead_of_globs(tree: &Tree, rules: &[ContextRule]) -> Result<Option<Vec<ContextRule>>> {
    let mut named = Vec::with_capacity(rules.len());
    for rule in rules {
        match names(tree, rule)? {
            Some(names) => named.extend(names),
            None => named.push(rule.clone()),
        }
    }
    Ok((named != rules).then_some(named))
}

/// What the globs of a rule show; `None` where it has none, or one that is better left to the builder.
fn names(tree: &Tree, rule: &ContextRule) -> Result<Option<Vec<ContextRule>>> {
    let ContextRule::Include(glob) = rule else { return Ok(None) };
    // buildx knows where a line leads that ends like these, and everything is everywhere.
    let start = glob.strip_suffix("/**").or_else(|| glob.strip_suffix("/*")).unwrap_or(glob);
    if literal_path(start).is_some() || start == "**" || !means_the_same_here(glob) {
        return Ok(None);
    }
    let pattern = Pattern::of(rule);
    let mut below = BTreeSet::new();
    for path in matches(tree, glob)? {
        if pattern.matches(path.as_str()) {
            // It brings along what is in it.
            below.insert(path.into_string());
        } else {
            add(tree, path, &|_| false, &mut below)?;
        }
    }
    below.retain(|path| pattern.matches(path));
    if below.iter().any(|path| has_control(path)) {
        return Ok(None);
    }
    Ok(Some(below.iter().map(|path| ContextRule::include(Utf8Path::new(path))).collect()))
}

/// Whether the builder's matcher and ours agree on such a glob: on stars, and not on what may be a letter of several bytes.
fn means_the_same_here(glob: &str) -> bool {
    !glob.contains(['?', '[', '\\']) && glob.split('/').all(|part| part == "**" || !part.contains("**"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::super::visible::tests::{rules, tree};
    use super::super::visible_files;
    use super::*;

    /// Files with names of every kind, below folders that globs lead into and past.
    const FILES: [&str; 14] = [
        "main.go",
        "#a.go",
        "a/main.go",
        "a/main_test.go",
        "a/x_windows.go",
        "a/.hidden.go",
        "a/sub/deep.go",
        "a/sub/b/b.proto",
        "a/{x}.go",
        "a/data/1.txt",
        "a/data/more/2.txt",
        "b/b.proto",
        "b/é.go",
        "target/debug/made.go",
    ];

    const RULES: [&str; 16] = [
        "*.go",
        "a/*.go",
        "a/*",
        "a/d*",
        "a/**",
        "a/**/*.go",
        "**/*.proto",
        "b",
        "b/?.go",
        "**",
        "a/[mx]*.go",
        "!a/*_test.go",
        "!**/*_windows.go",
        "!a/data",
        "!a/sub/*",
        "!b/*.proto",
    ];

    proptest! {
        #[test]
        fn names_show_what_globs_show(
            files in subsequence(FILES.to_vec(), 1..FILES.len()),
            lines in proptest::collection::vec(select(RULES.to_vec()), 1..6),
        ) {
            let (_folder, tree) = tree(&files);
            let rules = rules(&lines);
            let named = instead_of_globs(&tree, &rules).expect("reads").unwrap_or_else(|| rules.clone());
            let shown = |rules: &[ContextRule]| visible_files(&tree, rules).expect("reads");
            prop_assert_eq!(shown(&named), shown(&rules), "{:?}", named);
        }
    }

    #[test]
    fn only_globs_in_the_way_are_replaced() {
        let (_folder, tree) = tree(&FILES);
        let named = |lines: &[&str]| instead_of_globs(&tree, &rules(lines)).expect("reads");
        assert_eq!(named(&["a", "b/*", "b/**", "!a/*_test.go"]), None);
        assert_eq!(named(&["*.go"]), Some(rules(&["./#a.go", "main.go"])));
        assert_eq!(named(&["a/d*", "!a/data/*"]), Some(rules(&["a/data", "!a/data/*"])));
        assert_eq!(named(&["missing/*.go"]), Some(Vec::new()));
        let deep = ["a/.hidden.go", "a/main.go", "a/main_test.go", "a/sub/deep.go", "a/x_windows.go", "a/{x}.go"];
        assert_eq!(named(&["a/**/*.go"]), Some(rules(&deep)));
    }

    #[test]
    fn names_with_signs_of_globs_are_named() {
        for (name, line) in [("a/b*.go", "a/b\\*.go"), ("a/[b].go", "a/\\[b\\].go"), (" b.go", "[ ]b.go")] {
            let (_folder, tree) = tree(&[name]);
            let glob = if name.starts_with('a') { "a/*.go" } else { "*.go" };
            assert_eq!(instead_of_globs(&tree, &rules(&[glob])).expect("reads"), Some(rules(&[line])));
        }
    }

    #[test]
    fn what_no_line_can_say_is_left_to_the_glob() {
        let (_folder, with_control) = tree(&["a/b\n.go"]);
        assert_eq!(instead_of_globs(&with_control, &rules(&["a/*.go"])).expect("reads"), None);
        let (_folder, tree) = tree(&FILES);
        for glob in ["a/[mx]*.go", "b/?.go", "a/**.go", "a/\\*.go"] {
            assert_eq!(instead_of_globs(&tree, &rules(&[glob])).expect("reads"), None, "{glob}");
        }
    }
}
