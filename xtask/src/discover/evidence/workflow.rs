//! Workflows of GitHub: whether they release something, and what their steps run.

/// Words in the name of a workflow that releases something.
const RELEASES: [&str; 22] = [
    "artifact",
    "artifacts",
    "binaries",
    "cd",
    "cicd",
    "container",
    "containers",
    "deploy",
    "deployment",
    "dist",
    "docker",
    "goreleaser",
    "image",
    "images",
    "ko",
    "nightly",
    "package",
    "packages",
    "publish",
    "push",
    "release",
    "releases",
];

/// Words in the name of one that tries something.
const TRIES: [&str; 16] = [
    "bench",
    "benchmark",
    "benchmarks",
    "check",
    "checks",
    "coverage",
    "debug",
    "docs",
    "e2e",
    "fuzz",
    "lint",
    "perf",
    "performance",
    "test",
    "tests",
    "validate",
];

/// Steps that only a release has.
const STEPS: [&str; 10] = [
    "docker/bake-action",
    "docker/build-push-action",
    "gh release create",
    "gh release upload",
    "goreleaser/goreleaser-action",
    "ncipollo/release-action",
    "softprops/action-gh-release",
    "svenstaro/upload-release-action",
    "taiki-e/upload-rust-binary-action",
    "actions/upload-release-asset",
];

/// Whether a workflow releases something, by its name or its steps.
pub(super) fn is_release(name: &str, text: &str) -> bool {
    !words(name).any(|word| TRIES.contains(&word.as_str()))
        && (is_named_for_release(name) || STEPS.iter().any(|step| text.contains(step)))
}

/// Whether its name says so.
pub(super) fn is_named_for_release(name: &str) -> bool {
    words(name).any(|word| RELEASES.contains(&word.as_str()))
}

fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|character: char| !character.is_ascii_alphanumeric()).map(str::to_ascii_lowercase)
}

/// What the steps run, in order, each with the folder that its step works in where that is known.
pub(super) fn runs(text: &str) -> Vec<String> {
    let mut runs = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let content = line.trim_start();
        let content = content.strip_prefix("- ").unwrap_or(content).trim_start();
        let Some(value) = content.strip_prefix("run:").map(str::trim) else { continue };
        if !value.is_empty() && !value.starts_with(['|', '>']) {
            runs.push(value.trim_matches(['"', '\'']).to_owned());
            continue;
        }
        let indent = line.len() - content.len();
        let is_inside = |line: &&str| line.trim().is_empty() || line.len() - line.trim_start().len() > indent;
        let mut block = Vec::new();
        while let Some(line) = lines.next_if(is_inside) {
            block.push(line.trim());
        }
        runs.push(block.join("\n"));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_from_tests() {
        for (name, text, expected) in [
            ("release.yml", "", true),
            ("build-and-push-image.yml", "", true),
            ("ci.yml", "", false),
            ("ci.yml", "- uses: softprops/action-gh-release@v2", true),
            ("docker-build-check.yml", "", false),
            ("test.yml", "- uses: docker/build-push-action@v6", false),
        ] {
            assert_eq!(is_release(name, text), expected, "{name}");
        }
    }

    #[test]
    fn runs_are_lines_and_blocks() {
        let text = "steps:\n  - run: go build ./a\n  - name: x\n    run: |\n      cd b\n\n      make\n    env:\n      run2: y\n  - run: 'z'\n";
        assert_eq!(runs(text), ["go build ./a", "cd b\n\nmake", "z"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(( |- |run:)*(\\PC|[|>'\"])*\\n)*") {
            runs(&text);
            is_release(&text, &text);
        }
    }
}
