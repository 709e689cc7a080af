//! What an image may weigh, as a person writes it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::ByteSize;
use crate::oci::document::Platform;

/// The budget of an image. It is read from `"12 MB"`, which is for the unpacked size, or from a table of sizes by
/// measure, `{ unpacked = "12 MB", transfer = "5 MB" }`; in it a platform has either of these for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Budget {
    #[serde(flatten)]
    limits: Limits,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    platforms: BTreeMap<String, Limits>,
}

/// The most bytes of an image for one platform, by measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Of the layers' uncompressed archives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<ByteSize>,
    /// Of those that are not the base's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<ByteSize>,
    /// Of what a registry sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<ByteSize>,
    /// Of each binary of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<ByteSize>,
}

/// The keys of a table within a table.
const MEASURES: &[&str] = &["unpacked", "own", "transfer", "binary"];

/// The keys of a table, with platforms as examples of what else there may be.
const KEYS: &[&str] = &["unpacked", "own", "transfer", "binary", "linux/amd64", "linux/arm64"];

const EXPECTED: &str = "a size above zero with a unit, as \"12 MB\" or \"9.5 MiB\" (B, kB, MB, GB, KiB, MiB, GiB), or a \
                        table of such, as { unpacked = \"12 MB\", transfer = \"5 MB\" }";

impl Budget {
    /// What holds for a platform: its own sizes, and of the others those that it does not name.
    pub fn on(&self, platform: &str) -> Limits {
        let own = self.platforms.get(&usual_name(platform)).copied().unwrap_or_default();
        Limits {
            unpacked: own.unpacked.or(self.limits.unpacked),
            own: own.own.or(self.limits.own),
            transfer: own.transfer.or(self.limits.transfer),
            binary: own.binary.or(self.limits.binary),
        }
    }

    /// The platforms that have sizes of their own, sorted.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        self.platforms.keys().map(String::as_str)
    }
}

fn usual_name(platform: &str) -> String {
    Platform::parse(platform).to_string()
}

impl Limits {
    fn unpacked(size: ByteSize) -> Self {
        Self { unpacked: Some(size), ..Self::default() }
    }

    fn key(&mut self, key: &str) -> Option<&mut Option<ByteSize>> {
        match key {
            "unpacked" => Some(&mut self.unpacked),
            "own" => Some(&mut self.own),
            "transfer" => Some(&mut self.transfer),
            "binary" => Some(&mut self.binary),
            _ => None,
        }
    }
}

/// Reads a size or a table; only the outer one may name platforms.
struct Visitor {
    is_outer: bool,
}

impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Budget;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Budget, E> {
        let limits = Limits::unpacked(text.parse().map_err(E::custom)?);
        Ok(Budget { limits, ..Budget::default() })
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut table: A) -> Result<Budget, A::Error> {
        let mut budget = Budget::default();
        while let Some(Key(key)) = table.next_key()? {
            if let Some(limit) = budget.limits.key(&key) {
                *limit = Some(table.next_value()?);
            } else if self.is_outer && key.contains('/') {
                let PlatformLimits(limits) = table.next_value()?;
                if budget.platforms.insert(usual_name(&key), limits).is_some() {
                    return Err(A::Error::custom(format!("`{}` is there twice", usual_name(&key))));
                }
            } else {
                return Err(A::Error::unknown_field(&key, MEASURES));
            }
        }
        if budget == Budget::default() {
            return Err(A::Error::custom(format!("a budget without a size: expected {EXPECTED}")));
        }
        Ok(budget)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor { is_outer: true })
    }
}

/// A measure or a platform; it is checked while it is read, so that an error has its line.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if MEASURES.contains(&key.as_str()) || key.contains('/') {
            return Ok(Self(key));
        }
        Err(D::Error::unknown_field(&key, KEYS))
    }
}

/// What stands beside a platform.
struct PlatformLimits(Limits);

impl<'de> Deserialize<'de> for PlatformLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor { is_outer: false }).map(|budget| Self(budget.limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        budget: Budget,
    }

    fn read(value: &str) -> Result<Budget, String> {
        let document: Result<Document, _> = toml::from_str(&format!("budget = {value}"));
        document.map(|document| document.budget).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_size_alone_is_for_the_unpacked_image() {
        let limits = Limits { unpacked: Some(ByteSize(12_000_000)), ..Limits::default() };
        assert_eq!(read("\"12 MB\"").expect("parses").on("linux/amd64"), limits);
    }

    #[test]
    fn a_platform_has_its_own_sizes_and_else_those_of_all() {
        let text = "{ unpacked = \"12 MB\", binary = \"1 KiB\", \"linux/arm64\" = \"13 MB\", \"linux/amd64\" = { own = \"2 \
                    GB\", binary = \"5 B\" } }";
        let budget = read(text).expect("parses");
        assert_eq!(budget.platforms().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
        let limits = |unpacked, own, binary| Limits {
            unpacked: Some(ByteSize(unpacked)),
            own,
            transfer: None,
            binary: Some(ByteSize(binary)),
        };
        assert_eq!(budget.on("linux/riscv64"), limits(12_000_000, None, 1_024));
        assert_eq!(budget.on("linux/arm64/v8"), limits(13_000_000, None, 1_024));
        assert_eq!(budget.on("linux/amd64"), limits(12_000_000, Some(ByteSize(2_000_000_000)), 5));
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in [
            "{}",
            "12",
            "0.5",
            "nan",
            "[\"12 MB\"]",
            "{ unpacked = 12 }",
            "{ unpacked = \"0 MB\" }",
            "{ own = nan }",
            "{ own = \"NaN MB\" }",
            "{ transfer = { own = \"1 MB\" } }",
            "{ image = \"1 MB\" }",
            "{ \"linux/amd64\" = {} }",
            "{ \"linux/amd64\" = \"1\" }",
            "{ \"linux/amd64\" = { \"linux/arm64\" = \"1 MB\" } }",
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains("expected "), "{text}: {error}");
        }
        let error =
            read("{ \"linux/arm64\" = \"1 MB\", \"linux/arm64/v8\" = \"1 MB\" }").expect_err("is twice the same");
        assert_eq!(error, "`linux/arm64` is there twice");
    }
}
