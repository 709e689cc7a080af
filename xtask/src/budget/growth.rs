//! How much an image may grow, as a person writes it.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::ByteSize;
use super::byte_size::exact;

/// How much an image may grow: a number of bytes, a part of what it was, or the larger of both. It is read from
/// `"100 kB"`, `"2%"` or `["100 kB", "2%"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// So many bytes.
    pub bytes: Option<ByteSize>,
    /// So many millionths of a percent.
    pub percent_millionths: Option<u64>,
}

const MILLION: u64 = 1_000_000;

const EXPECTED: &str = "a size above zero with a unit, as \"100 kB\", a percentage above zero, as \"2%\", or a list of one \
                        of each, of which the larger counts";

impl Growth {
    /// The bytes by which an image of `before` bytes may grow; a fraction of a byte is cut off.
    pub fn allowance(self, before: u64) -> u64 {
        let part = |millionths: u64| {
            let part = u128::from(before) * u128::from(millionths) / u128::from(100 * MILLION);
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let bytes = self.bytes.map_or(0, |bytes| bytes.0);
        bytes.max(self.percent_millionths.map_or(0, part))
    }
}

impl FromStr for Growth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no growth: expected {EXPECTED}");
        let Some(number) = text.strip_suffix('%') else {
            return text
                .parse()
                .map(|bytes| Self { bytes: Some(bytes), percent_millionths: None })
                .map_err(|_| wrong());
        };
        let number = number.strip_suffix(' ').unwrap_or(number);
        let millionths = exact(number, MILLION).filter(|millionths| *millionths > 0).ok_or_else(wrong)?;
        Ok(Self { bytes: None, percent_millionths: Some(millionths) })
    }
}

impl<'de> Deserialize<'de> for Growth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Growth;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Growth, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Growth, A::Error> {
                let mut both: Vec<String> = Vec::new();
                while let Some(text) = sequence.next_element()? {
                    both.push(text);
                }
                let parsed: Result<Vec<Growth>, _> = both.iter().map(|text| text.parse()).collect();
                let parsed = parsed.map_err(A::Error::custom)?;
                let bytes = parsed.iter().find_map(|growth| growth.bytes);
                let percent_millionths = parsed.iter().find_map(|growth| growth.percent_millionths);
                if parsed.len() != 2 || bytes.is_none() || percent_millionths.is_none() {
                    return Err(A::Error::custom(format!("[{}] is no growth: expected {EXPECTED}", both.join(", "))));
                }
                Ok(Growth { bytes, percent_millionths })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize)]
    struct Document {
        growth: Growth,
    }

    fn read(value: &str) -> Result<Growth, String> {
        let document: Result<Document, _> = toml::from_str(&format!("growth = {value}"));
        document.map(|document| document.growth).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_a_person_writes() {
        for (text, before, allowance) in [
            ("\"100 kB\"", 5_000_000, 100_000),
            ("\"2%\"", 5_000_000, 100_000),
            ("\"0.5 %\"", 1_999, 9),
            ("\"0.000001%\"", 100_000_000, 1),
            ("[\"100 kB\", \"2%\"]", 1_000, 100_000),
            ("[\"2%\", \"100 kB\"]", 50_000_000, 1_000_000),
        ] {
            assert_eq!(read(text).expect(text).allowance(before), allowance, "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in [
            "\"\"",
            "\"2\"",
            "2",
            "0.02",
            "\"0%\"",
            "\"0.0000001%\"",
            "\"0 kB\"",
            "\"-1%\"",
            "\"NaN%\"",
            "\"inf %\"",
            "\"2 percent\"",
            "\"2%%\"",
            "\"1e1%\"",
            "\"%\"",
            "\"100 kBit\"",
            "[]",
            "[\"2%\"]",
            "[\"2%\", \"3%\"]",
            "[\"2%\", \"1 kB\", \"3 kB\"]",
            "[\"2%\", \"0 kB\"]",
            "[\"2%\", 100]",
            "{ bytes = 1 }",
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains("expected a"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_overflows(before: u64, millionths in 1..u64::MAX) {
            let growth = Growth { bytes: Some(ByteSize(1)), percent_millionths: Some(millionths) };
            prop_assert!(growth.allowance(before) >= 1);
        }
    }
}
