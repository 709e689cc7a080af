//! Names that tell what is for the repository's own use: of folders, and of programs that make or try other things.

use camino::Utf8Path;

/// Folders whose programs are run by those who work on the repository.
const FOLDERS: [&str; 57] = [
    "_examples",
    "_example",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "codegen",
    "contrib",
    "doc",
    "docs",
    "documentation",
    "e2e",
    "e2e-test",
    "e2e-tests",
    "e2e_test",
    "e2e_tests",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "fuzz",
    "gen",
    "generator",
    "generators",
    "hack",
    "integration",
    "integration-test",
    "integration-tests",
    "integration_test",
    "integration_tests",
    "integrationtest",
    "integrationtests",
    "smoke",
    "smoke-test",
    "smoke-tests",
    "sample",
    "samples",
    "script",
    "scripts",
    "template",
    "templates",
    "test",
    "test-fixtures",
    "test_fixtures",
    "testdata",
    "testing",
    "testkit",
    "tests",
    "testutil",
    "testutils",
    "third-party",
    "third_party",
    "thirdparty",
    "tool",
    "tools",
    "vendor",
    "xtask",
];

/// How names of programs begin that make or try others.
const FIRST_WORDS: [&str; 10] =
    ["bench", "codegen", "e2e", "example", "fuzz", "gen", "generate", "mock", "test", "xtask"];

/// How they end.
const LAST_WORDS: [&str; 16] = [
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "bindgen",
    "codegen",
    "e2e",
    "example",
    "examples",
    "fuzz",
    "gen",
    "generator",
    "macros",
    "tests",
    "testsuite",
    "xtask",
];

/// The folder on the way to a path that holds no services by default.
pub(crate) fn not_shipped(dir: &Utf8Path) -> Option<&str> {
    dir.components().map(|part| part.as_str()).find(|part| FOLDERS.contains(part))
}

/// Whether a program has the name of one that makes or tries others, as `api-gen` or `test-server`.
pub(super) fn is_helper(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['-', '_']).filter(|word| !word.is_empty()).collect();
    let is_plugin_of_protoc = words.starts_with(&["protoc", "gen"]);
    let first = words.first().is_some_and(|word| words.len() > 1 && FIRST_WORDS.contains(word));
    let last = words.last().is_some_and(|word| LAST_WORDS.contains(word));
    first || last || is_plugin_of_protoc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_count_anywhere_on_the_way_and_only_as_a_whole() {
        for (dir, expected) in [
            ("tests/apps/echo", Some("tests")),
            ("go/internal/integration-tests/echo", Some("integration-tests")),
            ("cmd/gen", Some("gen")),
            ("third_party/tool", Some("third_party")),
            ("cmd/tester", None),
            ("services/integrations", None),
            ("cmd/general", None),
            ("", None),
        ] {
            assert_eq!(not_shipped(Utf8Path::new(dir)), expected, "{dir}");
        }
    }

    #[test]
    fn helpers_are_known_by_their_first_or_last_word() {
        for name in [
            "api-gen",
            "authelia_gen",
            "gen-docs",
            "protoc-gen-go-x",
            "uniffi-bindgen",
            "bench-tools",
            "test-cases",
            "xtask",
        ] {
            assert!(is_helper(name), "{name}");
        }
        for name in
            ["gen2", "gateway", "test", "mock", "agent", "speed-test", "macro-recorder", "general", "latest", ""]
        {
            assert!(!is_helper(name), "{name}");
        }
    }
}
