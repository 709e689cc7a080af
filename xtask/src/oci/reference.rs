//! Names of images, with the registry and the folder that Docker takes where none is named.

use std::fmt;
use std::str::FromStr;

/// The registry of a name that has none.
pub const DOCKER_HUB: &str = "docker.io";

/// The tag of a name that has none.
const LATEST: &str = "latest";

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
        let is_whole = path.split('/').all(|part| !part.is_empty() && is_name(part))
            && registry.bytes().all(is_host_byte)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if !is_whole {
            return Err(format!("`{text}` names no image: expected host/path:tag or host/path@sha256:…"));
        }
        let folder = if registry == DOCKER_HUB && !path.contains('/') { "library/" } else { "" };
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

/// Whether what stands before the first slash is a registry, and not a folder of Docker Hub.
pub fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// Whether a byte may be in the host and port of a registry.
pub fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)
}

/// Whether a text is made of what stands between the slashes of a path.
pub fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
}

/// Whether a text is a tag.
pub fn is_tag(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with(['.', '-'])
}

/// Whether a text is a digest, as `sha256:…`.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_names_no_image() {
        for text in ["", "Team/worker", "ghcr.io/", "ghcr.io//a", "a:", "a@sha256:0", "https://ghcr.io/a", "a b"] {
            let error = text.parse::<Reference>().expect_err(text);
            assert_eq!(error, format!("`{text}` names no image: expected host/path:tag or host/path@sha256:…"));
        }
    }
}
