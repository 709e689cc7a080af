//! Where builders keep their layers for other machines: one place an image, so that none overwrites another's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::oci::reference::RegistryHost;

/// The scope where none is named; the generated Dockerfiles have the same.
pub const SHARED_SCOPE: &str = "shared";

/// A store of layers, as `ghcr.io/team/cache` or `type=gha`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStore {
    kind: Kind,
    /// The attributes that stay as they are, each with a comma in front.
    attributes: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// References below this one.
    Registry(String),
    /// Folders below this one.
    Local(String),
    /// GitHub's cache of workflow runs.
    Gha,
    /// S3 or Azure's blobs, by BuildKit's name for them.
    Bucket(&'static str),
}

/// The store of a run, and what the run may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// The store.
    pub store: CacheStore,
    /// Whether the run also writes to it.
    pub export: bool,
}

const EXPECTED: &str = "a reference, as \"ghcr.io/team/cache\", or one of \"type=registry,ref=…\", \"type=gha\", \
                        \"type=s3,region=…,bucket=…\", \"type=azblob,account_url=…\", \"type=local,path=…\"";

impl FromStr for CacheStore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no cache: expected {EXPECTED}");
        if !text.contains('=') {
            let is_reference = !text.is_empty() && !text.contains([',', ' ']);
            return is_reference.then(|| Self::registry(text)).ok_or_else(wrong);
        }
        let mut place = None;
        let mut kind = None;
        let mut attributes = String::new();
        for attribute in text.split(',') {
            match attribute.split_once('=').ok_or_else(wrong)? {
                ("type", value) => kind = Some(value),
                ("ref" | "path", value) => place = Some(value.to_owned()),
                // These are what differs from image to image.
                ("scope" | "name" | "src" | "dest" | "mode", _) => return Err(wrong()),
                _ => attributes.push_str(&format!(",{attribute}")),
            }
        }
        let kind = match (kind, place) {
            (Some("registry"), Some(place)) => Kind::Registry(place),
            (Some("local"), Some(place)) => Kind::Local(place),
            (Some("gha"), None) => Kind::Gha,
            (Some("s3"), None) => Kind::Bucket("s3"),
            (Some("azblob"), None) => Kind::Bucket("azblob"),
            _ => return Err(wrong()),
        };
        Ok(Self { kind, attributes })
    }
}

impl CacheStore {
    fn registry(reference: &str) -> Self {
        Self { kind: Kind::Registry(reference.trim_end_matches('/').to_owned()), attributes: String::new() }
    }

    /// BuildKit's words for reading an image's layers from the store.
    pub fn import(&self, scope: &str, image: &str, insecure: &[RegistryHost]) -> String {
        self.place("src", scope, image) + &self.attributes + self.plain_http(insecure)
    }

    /// BuildKit's words for writing them, those of all stages. A store that fails costs time and no build.
    pub fn export(&self, scope: &str, image: &str, insecure: &[RegistryHost]) -> String {
        let compression = match self.kind {
            Kind::Registry(_) | Kind::Local(_) => ",image-manifest=true,oci-mediatypes=true,compression=zstd",
            Kind::Gha | Kind::Bucket(_) => "",
        };
        let place = self.place("dest", scope, image);
        let plain_http = self.plain_http(insecure);
        format!("{place}{}{plain_http},mode=max,ignore-error=true{compression}", self.attributes)
    }

    /// The reference of an image's layers, for a store in a registry.
    pub fn reference(&self, scope: &str, image: &str) -> Option<String> {
        let Kind::Registry(reference) = &self.kind else { return None };
        Some(format!("{reference}/{image}:{scope}"))
    }

    /// The folder that builds read and write, for a store on this machine.
    pub fn folder(&self) -> Option<&str> {
        if let Kind::Local(folder) = &self.kind { Some(folder) } else { None }
    }

    /// BuildKit's words for a registry that is spoken to in plain HTTP, where the store has none of its own on it.
    fn plain_http(&self, insecure: &[RegistryHost]) -> &'static str {
        let Kind::Registry(reference) = &self.kind else { return "" };
        let is_said = self.attributes.contains(",registry.insecure=");
        if !is_said && insecure.iter().any(|host| host.holds(reference)) { ",registry.insecure=true" } else { "" }
    }

    fn place(&self, direction: &str, scope: &str, image: &str) -> String {
        match &self.kind {
            Kind::Registry(reference) => format!("type=registry,ref={reference}/{image}:{scope}"),
            Kind::Local(folder) => format!("type=local,{direction}={folder}/{scope}/{image}"),
            Kind::Gha => format!("type=gha,scope={scope}-{image}"),
            Kind::Bucket(kind) => format!("type={kind},name={scope}-{image}"),
        }
    }
}

impl<'de> Deserialize<'de> for CacheStore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = CacheStore;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<CacheStore, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> [String; 2] {
        let store: CacheStore = text.parse().expect(text);
        let insecure = ["registry.internal:5000".parse().expect("is a registry")];
        [store.import("release", "worker", &insecure), store.export("release", "worker", &insecure)]
    }

    #[test]
    fn a_registry_without_tls_is_read_and_written_in_plain_http_where_the_settings_name_it() {
        let place = "type=registry,ref=registry.internal:5000/cache/worker:release";
        let rest = ",mode=max,ignore-error=true,image-manifest=true,oci-mediatypes=true,compression=zstd";
        assert_eq!(
            words("registry.internal:5000/cache"),
            [format!("{place},registry.insecure=true"), format!("{place},registry.insecure=true{rest}")]
        );
        assert_eq!(
            words("type=registry,ref=registry.internal:5000/cache,registry.insecure=false"),
            [format!("{place},registry.insecure=false"), format!("{place},registry.insecure=false{rest}")]
        );
        assert!(!words("registry.internal:5001/cache")[0].contains("insecure"));
        assert!(!words("type=local,path=registry.internal:5000")[0].contains("insecure"));
    }

    #[test]
    fn each_image_has_a_place_of_its_own_in_every_kind_of_store() {
        assert_eq!(
            words("ghcr.io/team/cache"),
            [
                "type=registry,ref=ghcr.io/team/cache/worker:release",
                "type=registry,ref=ghcr.io/team/cache/worker:release,mode=max,ignore-error=true,image-manifest=true,\
                 oci-mediatypes=true,compression=zstd",
            ]
        );
        assert_eq!(words("type=registry,ref=ghcr.io/team/cache"), words("ghcr.io/team/cache"));
        assert_eq!(
            words("type=gha"),
            ["type=gha,scope=release-worker", "type=gha,scope=release-worker,mode=max,ignore-error=true"]
        );
        assert_eq!(words("type=s3,region=eu,bucket=b")[0], "type=s3,name=release-worker,region=eu,bucket=b");
        assert_eq!(words("type=local,path=/c")[0], "type=local,src=/c/release/worker");
        assert!(words("type=local,path=/c")[1].starts_with("type=local,dest=/c/release/worker,mode=max"));
    }

    #[test]
    fn anything_else_says_what_is_expected() {
        for text in ["", "a b", "type=registry", "type=tape", "type=gha,scope=x", "ref=a", "type=gha,mode=min"] {
            let error = text.parse::<CacheStore>().expect_err(text);
            assert!(error.contains("expected a reference"), "{error}");
        }
    }
}
