//! What an ignore file shows, as the tool sees it and as a builder does: by this the tool decides that nothing changed.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use xtask::engine::bake::visible_files;
use xtask::files::tree::Tree;
use xtask::plan::ContextRule;

use crate::testbed;

/// Files, and folders that are empty.
const ENTRIES: [&str; 20] = [
    "main.go",
    "main_test.go",
    "# a.go",
    "README.md",
    "a/main.go",
    "a/main_test.go",
    "a/x_windows.go",
    "a/.hidden.go",
    "a/{x}.go",
    "a/b c.go",
    "a/b+(c).$d",
    "a/é.go",
    "a/empty/",
    "a/data/1.txt",
    "a/data/more/2.txt",
    "a/data/x_windows.go/inner.txt",
    "b/src/lib.rs",
    "b/tests/t.rs",
    "b/tests/data.txt",
    "c/c.proto",
];

const LINES: [&str; 38] = [
    "!main.go",
    "!./# a.go",
    "!*.go",
    "!a",
    "!a/*.go",
    "!a/*",
    "!a/**",
    "!a/d*",
    "!a/?.go",
    "!a/[mx]*.go",
    "!a/[!m]*.go",
    "!a/[^m]*.go",
    "!b",
    "!b/src",
    "!c/*",
    "*_test.go",
    "a/*_test.go",
    "**/*_windows.go",
    "a/.*",
    "a/data",
    "a/data/more",
    "b/tests",
    "missing",
    "!**",
    "!a/data",
    "!a/data/*.txt",
    "!a/data/**/*.txt",
    "!a/data/x_windows.go/*",
    "!a/**/*.go",
    "!a/{x}.go",
    "!a/b c.go",
    "!a/b+(c).$d",
    "!a/empty",
    "!b/tests/*.txt",
    "!b/tests/t.rs",
    "!b/**/*.txt",
    "!**/*.proto",
    "!**/data",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn the_tool_sees_what_the_builder_sees(
        entries in subsequence(ENTRIES.to_vec(), 8..ENTRIES.len()),
        lines in prop::collection::vec(select(LINES.to_vec()), 1..9),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        let (context, ignore) = (root.join("context"), root.join("Dockerfile.dockerignore"));
        fs::create_dir(&context).expect("creates");
        for entry in &entries {
            let path = context.join(entry);
            fs::create_dir_all(if entry.ends_with('/') { &path } else { path.parent().expect("has a folder") }).expect("creates");
            if !entry.ends_with('/') {
                fs::write(path, entry).expect("writes");
            }
        }
        fs::write(&ignore, format!("*\n{}\n", lines.join("\n"))).expect("writes");
        // Nothing to copy is no error where the copy is of a folder.
        fs::write(root.join("Dockerfile"), "FROM scratch\nCOPY . /shown/\n").expect("writes");

        let seen_here = visible_files(&Tree::new(context.clone()), &rules(&lines)).expect("lists");
        let output = format!("type=local,dest={root}/out");
        let dockerfile = root.join("Dockerfile");
        testbed::read("docker", &[
            "buildx", "build", "--builder", &testbed::remote_builder(), "--quiet", "--output", &output,
            "--file", dockerfile.as_str(), context.as_str(),
        ]);
        let seen_there = listed(&root.join("out/shown"));
        let seen_here: BTreeSet<_> = seen_here.into_iter().collect();
        // Such globs may be taken for more than they show.
        if lines.iter().any(|line| line.contains(['?', '['])) {
            prop_assert!(seen_there.is_subset(&seen_here), "{:?} of {:?}", seen_there, seen_here);
        } else {
            prop_assert_eq!(seen_here, seen_there);
        }
    }
}

fn rules(lines: &[&str]) -> Vec<ContextRule> {
    let rule = |line: &&str| match line.strip_prefix('!') {
        Some(pattern) => ContextRule::Include(pattern.to_owned()),
        None => ContextRule::Exclude((*line).to_owned()),
    };
    lines.iter().map(rule).collect()
}

/// The files below a folder, and the folders that are empty, but for itself.
fn listed(root: &Utf8Path) -> BTreeSet<Utf8PathBuf> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(folder) = waiting.pop() {
        let entries: Vec<_> = folder.read_dir_utf8().expect("lists").map(|entry| entry.expect("lists")).collect();
        if entries.is_empty() && folder != root {
            found.insert(folder.strip_prefix(root).expect("is below").to_owned());
        }
        for entry in entries {
            if entry.file_type().expect("has a type").is_dir() {
                waiting.push(entry.into_path());
            } else {
                found.insert(entry.path().strip_prefix(root).expect("is below").to_owned());
            }
        }
    }
    found
}
