//! Sizes against budgets. Pure.

mod byte_size;
mod growth;
pub mod history;
mod limits;
pub mod lock;
mod node;
pub mod release;
mod warn_at;

use std::fmt;

use serde::Serialize;

use crate::measure::{ImageSize, Measured};

pub use byte_size::{ByteSize, pair};
pub use growth::Growth;
pub use limits::{Budget, Limits};
pub use node::{JudgedNode, Node, judge_nodes};
pub use warn_at::WarnAt;

/// What a budget says of an image; of several budgets, the last of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The image has no budget, and needs none.
    NoBudget,
    /// It is within its budget.
    Pass,
    /// It is within its budget, and so close to it that the settings want a word.
    Close,
    /// Its size is not known exactly.
    NotChecked,
    /// What the budget is for is not in the image.
    NotThere,
    /// It has no budget, and the settings require one.
    MissingBudget,
    /// It is larger than its budget.
    Over,
}

impl Verdict {
    /// Compares bytes with a budget; just as many as the budget pass.
    pub fn of(bytes: u64, budget: ByteSize, warn_from: Option<u64>) -> Self {
        match warn_from {
            _ if bytes > budget.0 => Self::Over,
            Some(warn_from) if bytes >= warn_from => Self::Close,
            _ => Self::Pass,
        }
    }

    /// Whether it is a no. What was not checked must not be released.
    pub fn has_failed(self, is_release: bool) -> bool {
        match self {
            Self::Over | Self::MissingBudget | Self::NotThere => true,
            Self::NotChecked => is_release,
            Self::Pass | Self::Close | Self::NoBudget => false,
        }
    }
}

/// What of an image a budget is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "measure", content = "path", rename_all = "kebab-case")]
pub enum Measure {
    /// The layers' uncompressed archives.
    Unpacked,
    /// Those of them that are not the base's.
    Own,
    /// What a registry sends.
    Transfer,
    /// The binary at this path.
    Binary(String),
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unpacked => "unpacked",
            Self::Own => "own",
            Self::Transfer => "transfer",
            Self::Binary(path) => path,
        })
    }
}

/// An image against one of its budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What of the image it is for.
    pub measure: Measure,
    /// The bytes, and whether they are exact; nothing where there is no such binary.
    pub bytes: Option<(u64, bool)>,
    /// The most bytes that it may have.
    pub budget: ByteSize,
    /// The bytes from which on it is worth a word.
    pub warn_from: Option<u64>,
    /// Whether it keeps the budget.
    pub verdict: Verdict,
}

impl Judged {
    fn new(measure: Measure, bytes: Option<(u64, bool)>, budget: ByteSize, warn_at: Option<WarnAt>) -> Self {
        let warn_from = warn_at.map(|warn_at| warn_at.of(budget));
        let verdict = match bytes {
            Some((bytes, true)) => Verdict::of(bytes, budget, warn_from),
            Some((_, false)) => Verdict::NotChecked,
            None => Verdict::NotThere,
        };
        Self { measure, bytes, budget, warn_from, verdict }
    }
}

/// Compares an image with what it may weigh. `bins` are the names of its binaries, each at `/<name>`.
pub fn judge(size: &ImageSize, bins: &[String], limits: Limits, warn_at: Option<WarnAt>) -> Vec<Judged> {
    let known = |measured: Measured| Some((measured.bytes, measured.how.is_exact()));
    let binary = |path: &str| size.file(path).map(|bytes| (bytes, true));
    let paths = limits.binary.iter().flat_map(|limit| bins.iter().map(move |name| (format!("/{name}"), *limit)));
    let whole = [
        (Measure::Unpacked, known(size.unpacked), limits.unpacked),
        (Measure::Own, known(size.own), limits.own),
        (Measure::Transfer, known(size.transfer), limits.transfer),
    ];
    let whole = whole.into_iter().filter_map(|(measure, bytes, limit)| Some((measure, bytes, limit?)));
    let binaries = paths.map(|(path, limit)| (binary(&path), path, limit));
    let binaries = binaries.map(|(bytes, path, limit)| (Measure::Binary(path), bytes, limit));
    whole.chain(binaries).map(|(measure, bytes, limit)| Judged::new(measure, bytes, limit, warn_at)).collect()
}

/// What all budgets together say of an image.
pub fn verdict(judged: &[Judged], require_budget: bool) -> Verdict {
    let none = if require_budget { Verdict::MissingBudget } else { Verdict::NoBudget };
    judged.iter().map(|judged| judged.verdict).max().unwrap_or(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{FileSize, How, ImageLayer, Layer};

    /// An image with layers of these digests and sizes; the last one is its own, and holds the binary `/bin`.
    pub(super) fn image(name: &str, layers: &[(&str, u64)]) -> ImageSize {
        let own = layers.last().map_or(0, |(_, bytes)| *bytes);
        let measured = |bytes, how| Measured { bytes, how };
        let layer = |(index, (diff_id, unpacked)): (usize, &(&str, u64))| ImageLayer {
            diff_id: (*diff_id).to_owned(),
            created_by: String::new(),
            own: index + 1 == layers.len(),
            contents: Layer {
                unpacked: *unpacked,
                compressed: unpacked / 2,
                largest_files: vec![FileSize { bytes: unpacked - 1, path: "/bin".into() }],
            },
        };
        let unpacked: u64 = layers.iter().map(|(_, bytes)| bytes).sum();
        ImageSize {
            name: name.into(),
            platform: "linux/amd64".into(),
            digest: None,
            config_digest: "sha256:c0".into(),
            unpacked: measured(unpacked, How::Layers),
            transfer: measured(unpacked / 2, How::Compressed),
            compressor: None,
            own: measured(own, How::Layers),
            layers: layers.iter().enumerate().map(layer).collect(),
        }
    }

    fn limits(text: &str) -> Limits {
        #[derive(serde::Deserialize)]
        struct Document {
            budget: Budget,
        }
        let document: Document = toml::from_str(&format!("budget = {text}")).expect("parses");
        document.budget.on("linux/amd64")
    }

    #[test]
    fn just_as_large_passes() {
        let size = image("a", &[("base", 900), ("own", 100)]);
        let verdicts = |text, warn_at: Option<&str>| {
            let warn_at = warn_at.map(|text| text.parse().expect("parses"));
            let judged = judge(&size, &["bin".to_owned()], limits(text), warn_at);
            judged.iter().map(|judged| judged.verdict).collect::<Vec<_>>()
        };
        use Verdict::{Close, Over, Pass};
        assert_eq!(verdicts("{ unpacked = \"1 kB\", own = \"100 B\", binary = \"99 B\" }", None), [Pass; 3]);
        assert_eq!(verdicts("{ unpacked = \"999 B\", own = \"99 B\", binary = \"98 B\" }", None), [Over; 3]);
        assert_eq!(verdicts("{ own = \"101 B\", unpacked = \"2 kB\" }", Some("99%")), [Pass, Close]);
        assert_eq!(verdicts("\"1 kB\"", Some("100%")), [Close]);
    }

    #[test]
    fn what_is_not_known_exactly_is_no_pass() {
        let mut size = image("a", &[("own", 1_000)]);
        let limits = limits("{ transfer = \"1 GB\", binary = \"1 GB\" }");
        let judged = judge(&size, &["gone".to_owned()], limits, None);
        assert_eq!((judged[0].verdict, judged[1].verdict), (Verdict::NotChecked, Verdict::NotThere));
        assert_eq!(verdict(&judged[..1], false), Verdict::NotChecked);
        assert!(Verdict::NotChecked.has_failed(true) && !Verdict::NotChecked.has_failed(false));
        assert!(Verdict::NotThere.has_failed(false));
        size.transfer.how = How::Layout;
        assert_eq!(judge(&size, &[], limits, None)[0].verdict, Verdict::Pass);
    }

    #[test]
    fn no_budget_fails_only_where_one_is_required() {
        assert_eq!(verdict(&[], false), Verdict::NoBudget);
        assert_eq!(verdict(&[], true), Verdict::MissingBudget);
        assert!(Verdict::MissingBudget.has_failed(false) && Verdict::Over.has_failed(false));
        assert!(!Verdict::Pass.has_failed(true) && !Verdict::NoBudget.has_failed(true));
    }
}
