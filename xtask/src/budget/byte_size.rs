//! Sizes as a person writes and reads them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A number of bytes. It is read from "12 MB" or "9 MiB", and serialises as the exact number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// Units by name, decimal ones first: they are what is printed.
const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const EXPECTED: &str = "a size above zero with a unit, as \"12 MB\" or \"9.5 MiB\" (B, kB, MB, GB, KiB, MiB, GiB)";

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no size: expected {EXPECTED}");
        let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let unit = unit.strip_prefix(' ').unwrap_or(unit);
        let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?;
        exact(number, *factor).filter(|bytes| *bytes > 0).map(Self).ok_or_else(wrong)
    }
}

/// `number` times `factor` without the detour of a floating point number; a fraction of a byte is cut off.
pub(super) fn exact(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = whole.parse::<u128>().ok()?.checked_mul(scale)?.checked_add(fraction.parse().ok()?)?;
    u64::try_from(parts.checked_mul(u128::from(factor))? / scale).ok()
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ByteSize;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&rounded(self.0, 2))
    }
}

/// Two sizes with as many digits as it takes to tell them apart: "12.00 MB" and "12.01 MB".
pub fn pair(a: ByteSize, b: ByteSize) -> (String, String) {
    for digits in 2..=9 {
        let texts = (rounded(a.0, digits), rounded(b.0, digits));
        if a == b || texts.0 != texts.1 {
            return texts;
        }
    }
    (format!("{} B", a.0), format!("{} B", b.0))
}

fn rounded(bytes: u64, digits: usize) -> String {
    let (unit, factor) = UNITS[..4].iter().rev().find(|(_, factor)| bytes >= *factor).unwrap_or(&UNITS[0]);
    if *factor == 1 {
        return format!("{bytes} {unit}");
    }
    // Only for the eye: every comparison is made with the exact numbers.
    #[expect(clippy::cast_precision_loss, reason = "rounded to a few digits anyway")]
    let number = bytes as f64 / *factor as f64;
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_that_a_person_writes() {
        for (text, bytes) in [
            ("12 MB", 12_000_000),
            ("12MB", 12_000_000),
            ("9 MiB", 9 << 20),
            ("500kB", 500_000),
            ("1.5 GB", 1_500_000_000),
            ("0.5 KiB", 512),
            ("1 b", 1),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in [
            "",
            "12",
            "MB",
            "0 MB",
            "0.0001 B",
            "-1 MB",
            "NaN MB",
            "1e9 B",
            "12 mb/s",
            "1.2.3 MB",
            "inf",
            ". MB",
            "99999999999 GB",
        ] {
            let error = text.parse::<ByteSize>().expect_err(text);
            assert!(error.contains("expected a size above zero with a unit"), "{error}");
        }
    }

    #[test]
    fn two_sizes_are_told_apart() {
        assert_eq!(pair(ByteSize(12_000_001), ByteSize(12_000_000)), ("12.000001 MB".into(), "12.000000 MB".into()));
        assert_eq!(pair(ByteSize(5), ByteSize(5)), ("5 B".into(), "5 B".into()));
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_exact(bytes in 1..u64::MAX) {
            prop_assert_eq!(format!("{bytes} B").parse(), Ok(ByteSize(bytes)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
