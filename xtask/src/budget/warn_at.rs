//! From which part of a budget on it is worth a word.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::ByteSize;
use super::byte_size::exact;

/// A part of a budget. It is read from `"90%"`, and serialises as millionths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct WarnAt(u64);

const MILLION: u64 = 1_000_000;

impl WarnAt {
    /// The least bytes that are worth a word.
    pub fn of(self, budget: ByteSize) -> u64 {
        let part = u128::from(budget.0) * u128::from(self.0);
        u64::try_from(part.div_ceil(u128::from(100 * MILLION))).unwrap_or(u64::MAX)
    }
}

impl FromStr for WarnAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').map(|number| number.strip_suffix(' ').unwrap_or(number));
        let millionths = number.and_then(|number| exact(number, MILLION));
        millionths.filter(|millionths| (1..=100 * MILLION).contains(millionths)).map(Self).ok_or_else(|| {
            format!(
                "\"{text}\" is no part of a budget: expected a percentage above zero and up to a hundred, as \"90%\""
            )
        })
    }
}

impl<'de> Deserialize<'de> for WarnAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes() {
        for (text, budget, from) in [
            ("90%", 1_000, 900),
            ("90 %", 999, 900),
            ("100%", 5, 5),
            ("0.5%", 1_000, 5),
            ("99.999999%", u64::MAX, 18_446_743_889_242_110_878),
        ] {
            assert_eq!(text.parse::<WarnAt>().expect(text).of(ByteSize(budget)), from, "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in ["", "90", "0.9", "0%", "101%", "100.000001%", "-1%", "NaN%", "inf%", "%", "9e1%", "90%%"] {
            let error = text.parse::<WarnAt>().expect_err(text);
            assert!(error.contains("expected a percentage above zero and up to a hundred"), "{error}");
        }
    }
}
