//! Names of images, with the registry and the folder that Docker takes where none is named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The registry of a name that has none.
pub const DOCKER_HUB: &str = "docker.io";

/// The tag of a name that has none.
const LATEST: &str = "latest";

/// The most bytes that registry and path may have together, by Docker's grammar.
const LONGEST_NAME: usize = 255;

/// The most bytes of a tag.
const LONGEST_TAG: usize = 128;

/// The name of an image, in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry's host, with the port where one is given: `docker.io`, `localhost:5000`.
    pub registry: String,
    /// The path there, as `team/worker`.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, as `sha256:…`.
    pub digest: Option<String>,
}

impl FromStr for Reference {
    type Err = String;

    /// Reads `host:port/path:tag@digest`, of which only the path has to be there.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (registry, path) = match name.split_once('/') {
            Some(("index.docker.io", path)) => (DOCKER_HUB, path),
            Some((first, path)) if is_registry(first) => (first, path),
            _ => (DOCKER_HUB, name),
        };
        let (path, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        let folder = if registry == DOCKER_HUB && !path.contains('/') { "library/" } else { "" };
        let is_whole = path.split('/').all(is_name)
            && registry.len() + 1 + folder.len() + path.len() <= LONGEST_NAME
            && is_registry_name(registry)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if !is_whole {
            return Err(format!("`{text}` names no image: expected host/path:tag or host/path@sha256:…"));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: format!("{folder}{path}"),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl Reference {
    /// The same with the tag that is meant where none is named, and no digest either.
    #[must_use]
    pub fn with_tag(mut self) -> Self {
        if self.digest.is_none() {
            self.tag.get_or_insert_with(|| LATEST.to_owned());
        }
        self
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(formatter, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(formatter, "@{digest}"))
    }
}

/// A registry's host, with its port where it has one, as `registry.internal:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegistryHost(String);

impl RegistryHost {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a reference, or the start of one, is of this registry.
    pub fn holds(&self, reference: &str) -> bool {
        reference.split('/').next().is_some_and(|host| host.eq_ignore_ascii_case(&self.0))
    }
}

impl FromStr for RegistryHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_registry_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("`{text}` is no registry: expected a host and its port, e.g. registry.internal:5000"))
    }
}

impl TryFrom<String> for RegistryHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RegistryHost> for String {
    fn from(host: RegistryHost) -> Self {
        host.0
    }
}

/// Whether what stands before the first slash is a registry, and not a folder of Docker Hub.
pub fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// Whether a text is a registry: a host or an address in brackets, with a port or without.
fn is_registry_name(text: &str) -> bool {
    let (host, port) = match text.split_once("]:") {
        Some((address, port)) => (format!("{address}]"), Some(port)),
        None if text.ends_with(']') => (text.to_owned(), None),
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_allowed) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text can stand between the slashes of a path: lower-case letters and digits, with `.`, `_`, `__` or any number
/// of `-` between them. It is the grammar of Docker's `distribution/reference`.
pub fn is_name(text: &str) -> bool {
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let is_separator =
        |run: &[u8]| matches!(run, b"." | b"_" | b"__") || !run.is_empty() && run.iter().all(|byte| *byte == b'-');
    let runs = bytes.chunk_by(|one, other| is_alphanumeric(one) == is_alphanumeric(other));
    let is_at_edge = |byte: Option<&u8>| byte.is_some_and(is_alphanumeric);
    let mut separators = runs.filter(|run| run.first().is_some_and(|byte| !is_alphanumeric(byte)));
    is_at_edge(bytes.first()) && is_at_edge(bytes.last()) && separators.all(is_separator)
}

/// Whether a text is a tag.
pub fn is_tag(text: &str) -> bool {
    (1..=LONGEST_TAG).contains(&text.len()) && text.bytes().all(is_tag_byte) && !text.starts_with(['.', '-'])
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// Whether images' names after this text make references.
pub fn is_prefix(text: &str) -> bool {
    let reference = format!("{text}a").parse::<Reference>();
    // A registry alone would become a part of the name.
    reference.is_ok_and(|reference| reference.tag.is_none() && reference.digest.is_none())
        && (text.contains('/') || !is_registry(text))
}

/// The tag that a text was surely meant to be: of a branch or a tag of git its name, all that no tag may have as `-`.
pub fn nearest_tag(text: &str) -> Option<String> {
    let name = ["refs/tags/", "refs/heads/"].into_iter().find_map(|start| text.strip_prefix(start)).unwrap_or(text);
    let tag = name.chars().map(|one| if one.is_ascii() && is_tag_byte(one as u8) { one } else { '-' });
    let tag: String = tag.collect::<String>().trim_start_matches(['.', '-']).chars().take(LONGEST_TAG).collect();
    Some(tag.trim_end_matches('-').to_owned()).filter(|tag| is_tag(tag))
}

/// The prefix that a text was surely meant to be: without a scheme, in lower case, with a slash at its end.
pub fn nearest_prefix(text: &str) -> Option<String> {
    let text = text.trim().split_once("://").map_or(text.trim(), |(_, rest)| rest).trim_start_matches('/');
    let text = text.to_ascii_lowercase().replace(' ', "-");
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty()).collect();
    let slash = if text.ends_with(['-', '_', '.']) { "" } else { "/" };
    Some(format!("{}{slash}", parts.join("/"))).filter(|prefix| is_prefix(prefix))
}

/// The name that a text was surely meant to be.
pub fn nearest_name(text: &str) -> Option<String> {
    let is_plain = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit();
    let lower = text.to_ascii_lowercase();
    let words: Vec<_> = lower.split(|one| !is_plain(one)).filter(|word| !word.is_empty()).collect();
    Some(words.join("-")).filter(|name| is_name(name))
}

/// Whether a text is a digest, as `sha256:…`.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_in_full() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, expected) in [
            ("worker", "docker.io/library/worker"),
            ("worker:v1", "docker.io/library/worker:v1"),
            ("team/worker:v1", "docker.io/team/worker:v1"),
            ("index.docker.io/team/worker", "docker.io/team/worker"),
            ("localhost/worker", "localhost/worker"),
            ("localhost:5000/worker:v1", "localhost:5000/worker:v1"),
            ("[::1]:5000/a/b", "[::1]:5000/a/b"),
            (&format!("ghcr.io/team/a/b:v1@{digest}"), &format!("ghcr.io/team/a/b:v1@{digest}")),
            (&format!("worker@{digest}"), &format!("docker.io/library/worker@{digest}")),
        ] {
            assert_eq!(text.parse::<Reference>().map(|reference| reference.to_string()).as_deref(), Ok(expected));
        }
    }

    /// All names up to this length over these characters, built as the grammar says: letters, and separators between them.
    fn names_by_the_grammar(length: usize) -> BTreeSet<String> {
        let mut names = BTreeSet::from(["a".to_owned()]);
        let mut new: Vec<String> = names.iter().cloned().collect();
        while let Some(name) = new.pop() {
            let separators =
                ["", ".", "_", "__"].map(str::to_owned).into_iter().chain((1..length).map(|n| "-".repeat(n)));
            let longer = separators.map(|separator| format!("{name}{separator}a"));
            new.extend(longer.filter(|longer| longer.len() <= length && names.insert(longer.clone())));
        }
        names
    }

    #[test]
    fn names_are_those_of_dockers_grammar() {
        let names = names_by_the_grammar(7);
        let mut texts = vec![String::new()];
        while let Some(text) = texts.pop() {
            assert_eq!(is_name(&text), names.contains(&text), "{text}");
            if text.len() < 7 {
                texts.extend(["a", ".", "_", "-"].map(|next| format!("{text}{next}")));
            }
        }
    }

    #[test]
    fn prefixes() {
        for prefix in ["", "team/", "team-", "localhost:5000/", "ghcr.io/owner/repo/", "[::1]:5000/x/", "a/b/c__"] {
            assert!(is_prefix(prefix), "{prefix}");
        }
        for (prefix, nearest) in [
            ("registry.example.com/Some-Team/", Some("registry.example.com/some-team/")),
            ("Team/", Some("team/")),
            ("https://ghcr.io/", Some("ghcr.io/")),
            ("https://ghcr.io/Team", Some("ghcr.io/team/")),
            ("ghcr.io", Some("ghcr.io/")),
            ("localhost:5000", Some("localhost:5000/")),
            ("ghcr.io//", Some("ghcr.io/")),
            ("ghcr.io/team/x___", None),
            ("/", None),
            ("a b/", Some("a-b/")),
            ("ghcr.io/x:1/", None),
            ("ünder/", None),
            ("-team/", None),
            (&"a/".repeat(130), None),
        ] {
            assert!(!is_prefix(prefix), "{prefix}");
            assert_eq!(nearest_prefix(prefix).as_deref(), nearest, "{prefix}");
        }
    }

    #[test]
    fn tags() {
        for tag in ["v1.2", "_", "1", "A-b_c.", &"a".repeat(128)] {
            assert!(is_tag(tag), "{tag}");
        }
        for (tag, nearest) in [
            ("worker/v1.2", Some("worker-v1.2")),
            ("refs/tags/v1.2", Some("v1.2")),
            ("refs/heads/feature/x", Some("feature-x")),
            (".hidden", Some("hidden")),
            ("-x", Some("x")),
            ("1.2.3+build.5", Some("1.2.3-build.5")),
            ("v1 ", Some("v1")),
            (&"a".repeat(129), Some(&*"a".repeat(128))),
            ("", None),
            ("ü", None),
        ] {
            assert!(!is_tag(tag), "{tag}");
            assert_eq!(nearest_tag(tag).as_deref(), nearest, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn what_the_grammar_makes_is_a_reference(
            host in "(([a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?)(\\.[a-z0-9]{1,5}){1,3}|localhost)(:[1-9][0-9]{0,3})?",
            path in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}(/[a-z0-9]{1,5}){0,2}",
            tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
        ) {
            let text = format!("{host}/{path}:{tag}");
            let reference = text.parse::<Reference>();
            prop_assert_eq!(reference.map(|reference| reference.to_string()), Ok(text));
            let prefix = format!("{host}/{path}/");
            prop_assert!(is_prefix(&prefix));
        }

        #[test]
        fn what_is_near_is_right(text in ".{0,40}") {
            prop_assert!(nearest_tag(&text).is_none_or(|tag| is_tag(&tag)));
            prop_assert!(nearest_prefix(&text).is_none_or(|prefix| is_prefix(&prefix)));
            prop_assert!(nearest_name(&text).is_none_or(|name| is_name(&name)));
        }
    }

    #[test]
    fn what_names_no_image() {
        for text in [
            "",
            "a___b",
            "a..b",
            "-.io/a",
            "ghcr.io:x/a",
            "[::g]:1/a",
            "a_/b",
            "Team/worker",
            "ghcr.io/",
            "ghcr.io//a",
            "a:",
            "a@sha256:0",
            "https://ghcr.io/a",
            "a b",
        ] {
            let error = text.parse::<Reference>().expect_err(text);
            assert_eq!(error, format!("`{text}` names no image: expected host/path:tag or host/path@sha256:…"));
        }
    }
}
