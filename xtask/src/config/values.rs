//! Values that a builder would refuse only half-way, in words about a Dockerfile that nobody wrote.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::ExtraFile;
use crate::budget::{Budget, Node};
use crate::quote::has_control;

const IMAGE: &str = "an image with its tag, e.g. gcr.io/distroless/static-debian13:nonroot";

/// Names that a generated Dockerfile gives to its own stages.
const STAGES: [&str; 15] = [
    "build",
    "go-deps",
    "go-modules",
    "go-toolchain",
    "image",
    "manifests",
    "repository",
    "rust-crates",
    "rust-deps",
    "rust-manifests",
    "rust-skeleton",
    "rust-toolchain",
    "sources",
    "symbols",
    "with-symbols",
];

type Answer<Value, Error> = Result<Option<Value>, Error>;

/// Checks that a text names a platform that images can be made for.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub fn check_platform(text: &str) -> Result<(), String> {
    let mut parts = text.split('/');
    let is_linux = parts.next() == Some("linux");
    let rest: Vec<_> = parts.collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_linux && matches!(rest.len(), 1 | 2) && rest.iter().all(is_word) {
        return Ok(());
    }
    Err(format!("`{text}` is no platform of an image: expected linux/amd64, linux/arm64 or the like"))
}

pub(super) fn platforms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let platforms = Vec::<String>::deserialize(deserializer)?;
    platforms.iter().try_for_each(|platform| check_platform(platform)).map_err(D::Error::custom)?;
    Ok(platforms)
}

pub(super) fn budget<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Budget, D::Error> {
    let budget = Budget::deserialize(deserializer)?;
    budget.platforms().try_for_each(check_platform).map_err(D::Error::custom)?;
    Ok(Some(budget))
}

pub(super) fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Node>, D::Error> {
    let nodes = BTreeMap::<String, Node>::deserialize(deserializer)?;
    match nodes.iter().find(|(_, node)| node.images.is_empty()) {
        Some((name, _)) => Err(D::Error::custom(format!("the node `{name}` has no image: expected one or more"))),
        None => Ok(nodes),
    }
}

pub(super) fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, is_port, "a port, as 8080, 8080/udp or 8000-8010")
}

pub(super) fn packages<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, |word| is_made_of(word, "+.-:=~/"), "a Debian package's name, as protobuf-compiler")
}

pub(super) fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, |word| is_made_of(word, "_.-"), "an id of letters, digits, `_`, `.` and `-`")
}

pub(super) fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, |word| is_made_of(word, "_."), "a build tag of letters, digits, `_` and `.`")
}

pub(super) fn go_paths<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    let is_path = |word: &str| is_made_of(word, "_-./~+") && !word.ends_with('/');
    words(deserializer, is_path, "a Go package or module, as github.com/x/y")
}

pub(super) fn features<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, |word| is_made_of(word, "_-+./"), "the name of a Cargo feature")
}

pub(super) fn image<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<String, D::Error> {
    word(deserializer, is_image, IMAGE)
}

/// What stands before every image's name.
pub(super) fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<String, D::Error> {
    let is_prefix = |word: &str| !word.contains(|sign: char| sign.is_control() || sign.is_whitespace());
    word(deserializer, is_prefix, "the beginning of an image's name, e.g. registry.example.com/team/")
}

/// A text that stands on one line of a generated file.
pub(super) fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<String, D::Error> {
    word(deserializer, |word| !has_control(word), "a value on one line, without control characters")
}

/// Globs of files.
pub(super) fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    let is_glob = |word: &str| !word.is_empty() && !has_control(word);
    words(deserializer, is_glob, "a path or a glob without control characters, e.g. ../proto/**")
}

/// Arguments of a program: no system can hand over a NUL in one.
pub(super) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    words(deserializer, |word| !word.contains('\0'), "an argument without a NUL")
}

pub(super) fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<String, D::Error> {
    word(deserializer, is_absolute, "an absolute path in the image")
}

/// An argument vector that starts something.
pub(super) fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.first().is_none_or(String::is_empty) {
        return Err(D::Error::custom(
            "nothing to run: expected a program and its arguments, as [\"/server\", \"--check\"]",
        ));
    }
    match words.iter().find(|word| word.contains('\0')) {
        Some(word) => Err(wrong(word, "an argument without a NUL")),
        None => Ok(Some(words)),
    }
}

pub(super) fn env<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (name, value) in &variables {
        if !is_made_of(name, "_.-") {
            return Err(wrong(name, "the name of a variable"));
        }
        if has_control(value) {
            return Err(wrong(value, "a value on one line: a Dockerfile knows no other"));
        }
    }
    Ok(Some(variables))
}

pub(super) fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Answer<Vec<ExtraFile>, D::Error> {
    let files = Vec::<ExtraFile>::deserialize(deserializer)?;
    for file in &files {
        if !is_absolute(&file.to) {
            return Err(wrong(&file.to, "an absolute path in the image as `to`"));
        }
        if file.image.as_deref().is_some_and(|image| !is_image(image)) {
            return Err(wrong(file.image.as_deref().unwrap_or_default(), IMAGE));
        }
        if file.from.is_empty() || has_control(&file.from) || file.image.is_none() && is_absolute(&file.from) {
            return Err(wrong(&file.from, "a path from the service's folder as `from`"));
        }
    }
    Ok(Some(files))
}

fn words<'de, D: Deserializer<'de>>(
    deserializer: D,
    is_right: fn(&str) -> bool,
    expected: &str,
) -> Answer<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    match words.iter().find(|word| !is_right(word)) {
        Some(word) => Err(wrong(word, expected)),
        None => Ok(Some(words)),
    }
}

fn word<'de, D: Deserializer<'de>>(
    deserializer: D,
    is_right: fn(&str) -> bool,
    expected: &str,
) -> Answer<String, D::Error> {
    let word = String::deserialize(deserializer)?;
    if is_right(&word) { Ok(Some(word)) } else { Err(wrong(&word, expected)) }
}

fn wrong<Error: serde::de::Error>(word: &str, expected: &str) -> Error {
    Error::custom(format!("\"{}\" is invalid: expected {expected}", word.escape_debug()))
}

/// Letters, digits and `also`; at least one letter or digit at the beginning.
fn is_made_of(word: &str, also: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && word.chars().all(|character| character.is_ascii_alphanumeric() || also.contains(character))
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !has_control(path)
}

/// A reference, but not a stage of the generated Dockerfile, which a builder would take in its place.
fn is_image(word: &str) -> bool {
    let is_stage = STAGES.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit());
    is_made_of(word, "_-./:@") && !is_stage
}

fn is_port(word: &str) -> bool {
    let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let is_number = |text: &str| text.parse::<u16>().is_ok_and(|number| number > 0);
    is_number(first) && is_number(last) && ["tcp", "udp", "sctp"].contains(&protocol)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::super::parse_image_file;
    use crate::error::describe;

    #[test]
    fn values_that_services_need() {
        let text = r#"
            ports = ["8080", "53/udp", "8000-8010/tcp"]
            packages = ["g++", "libssl-dev=3.0.11-1~deb12u2", "libc6:arm64"]
            secrets = ["npm-token", "netrc", "_x"]
            tags = ["netgo", "v1.2"]
            deny = ["net/http/pprof", "gopkg.in/yaml.v2", "git.sr.ht/~x/y"]
            features = ["tls", "std+", "dep/feature"]
            base = "registry.example.com:5000/team/base:v1@sha256:0123"
            workdir = "/data dir"
            healthcheck = ["/server", "--check"]
            env = { RUST_LOG = "info,hyper=warn", "some.name" = "" }
            files = [{ from = "../flags.json", to = "/flags.json" }, { from = "/bin/x", to = "/x", image = "busybox" }]
        "#;
        parse_image_file(Utf8Path::new("image.toml"), text).expect("parses");
    }

    #[test]
    fn values_that_no_builder_takes_name_the_line() {
        for line in [
            "ports = [\"80 90\"]",
            "ports = [\"0\"]",
            "ports = [\"http\"]",
            "ports = [\"80/tpc\"]",
            "packages = [\"-y\"]",
            "packages = [\"gcc; rm\"]",
            "secrets = [\"a,b\"]",
            "tags = [\"a b\"]",
            "deny = [\"github.com/x/\"]",
            "deny = [\"github.com/x/*\"]",
            "features = [\"\"]",
            "base = \"\"",
            "builder = \"rust:1\\nRUN x\"",
            "workdir = \"data\"",
            "entrypoint = []",
            "healthcheck = [\"\"]",
            "env = { \"A B\" = \"x\" }",
            "env = { A = \"two\\nlines\" }",
            "files = [{ from = \"x\", to = \"x\" }]",
            "files = [{ from = \"/etc/passwd\", to = \"/x\" }]",
            "files = [{ from = \"a\\nb\", to = \"/x\" }]",
            "files = [{ from = \"/x\", to = \"/x\", image = \"x\\nRUN x\" }]",
            "files = [{ from = \"/x\", to = \"/x\", image = \"build\" }]",
            "base = \"0\"",
            "args = [\"a\\u0000b\"]",
            "entrypoint = [\"/x\", \"\\u0000\"]",
            "inputs = [\"a\\nb\"]",
            "workdir = \"/a\\u007fb\"",
        ] {
            let text = format!("\n\n{line}\n");
            let error = parse_image_file(Utf8Path::new("image.toml"), &text).expect_err(line);
            let text = describe(&error);
            assert!(text.starts_with("error: image.toml:3: ") && text.contains("expected "), "{line}\n{text}");
        }
    }
}
