//! The documents of an image: its configuration, its manifest, an index.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The time of everything: an image holds none of when it was made.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a layer that is compressed with gzip.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The media type of a layer that is compressed with zstd.
pub const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// What Docker calls the same.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// An image's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The architecture, by Go's name.
    pub architecture: String,
    /// The version of the architecture, where it matters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The operating system.
    pub os: String,
    /// What a container is told.
    #[serde(default, deserialize_with = "null_is_none")]
    pub config: ContainerConfig,
    /// When it was made.
    #[serde(default)]
    pub created: String,
    /// Where the layers come from.
    #[serde(default, deserialize_with = "null_is_none")]
    pub history: Vec<History>,
    /// The layers.
    pub rootfs: RootFs,
}

/// What a container is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// The user that it runs as.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Its ports.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_none")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Its environment, as `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_none")]
    pub env: Vec<String>,
    /// What it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The arguments of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// How its health is checked: Docker's, which the OCI specification leaves to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The folder it starts in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_none")]
    pub labels: BTreeMap<String, String>,
}

/// How a container's health is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `CMD` and an argument vector.
    pub test: Vec<String>,
}

/// An object without keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Where a layer comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When it was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// What made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// What else is to be said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it made none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// The layers of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The digests of their uncompressed archives, the lowest first.
    pub diff_ids: Vec<String>,
}

/// A manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    #[serde(default)]
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default)]
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
}

/// Several images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    #[serde(default)]
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default)]
    pub media_type: String,
    /// The images, or further indexes.
    pub manifests: Vec<Descriptor>,
}

/// What names a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its bytes.
    pub size: u64,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform of the image that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// A platform of images.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// The architecture, by Go's name.
    pub architecture: String,
    /// The operating system.
    pub os: String,
    /// The version of the architecture, where it matters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// Reads what Docker writes for nothing: where there is none of it, `null`.
fn null_is_none<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

impl Platform {
    /// Reads `linux/arm64` or `linux/arm/v7`, which the command line and the settings have checked.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let variant = parts.next().unwrap_or_default();
        // The first versions of these two go without saying.
        let is_usual = matches!((architecture.as_str(), variant.as_str()), ("amd64", "v1") | ("arm64", "v8"));
        Self { architecture, os, variant: if is_usual { String::new() } else { variant } }
    }

    /// Whether it is another one, which was parsed: some images name the first version of an architecture, too.
    pub fn is(&self, parsed: &Self) -> bool {
        Self::parse(&self.to_string()) == *parsed
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.variant.is_empty() { "" } else { "/" };
        write!(formatter, "{}/{}{slash}{}", self.os, self.architecture, self.variant)
    }
}

impl ImageConfig {
    /// The configuration of an image without layers.
    pub fn empty(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            os: platform.os.clone(),
            created: EPOCH.to_owned(),
            ..Self::default()
        }
    }

    /// Its platform.
    pub fn platform(&self) -> Platform {
        let (architecture, os, variant) = (self.architecture.clone(), self.os.clone(), self.variant.clone());
        Platform { architecture, os, variant }
    }

    /// Adds a layer, and what made it.
    pub fn push_layer(&mut self, diff_id: String, created_by: impl Into<String>) {
        self.rootfs.diff_ids.push(diff_id);
        let created_by = created_by.into();
        self.history.push(History { created: EPOCH.to_owned(), created_by, ..History::default() });
    }

    /// Adds an instruction that made no layer.
    pub fn push_instruction(&mut self, created_by: impl Into<String>) {
        let created_by = created_by.into();
        self.history.push(History { created: EPOCH.to_owned(), created_by, empty_layer: true, ..History::default() });
    }
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

impl Manifest {
    /// A manifest of a configuration and its layers.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: MANIFEST.to_owned(), config, layers }
    }
}

impl Index {
    /// An index of images.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.to_owned(), manifests }
    }
}

impl Descriptor {
    /// The descriptor of some bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, super::digest(bytes), bytes.len() as u64)
    }

    /// A descriptor of what has this digest and size.
    pub fn new(media_type: &str, digest: String, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, annotations: BTreeMap::new(), platform: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_writes_for_nothing_is_read_as_such() {
        let text = r#"{"architecture":"arm64","variant":"v8","os":"linux","history":null,"rootfs":{"diff_ids":[]},
            "config":{"ExposedPorts":null,"Env":null,"Entrypoint":null,"Cmd":null,"Volumes":null,"Labels":null}}"#;
        let config: ImageConfig = serde_json::from_str(text).expect("parses");
        assert_eq!(config.config, ContainerConfig::default());
        assert!(config.platform().is(&Platform::parse("linux/arm64")));
        assert!(!config.platform().is(&Platform::parse("linux/arm/v8")));
    }

    #[test]
    fn platforms() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/arm/v7", "linux/arm/v7"),
        ] {
            assert_eq!(Platform::parse(text).to_string(), expected);
        }
    }
}
