//! Sizes against budgets. Pure.

mod byte_size;
mod growth;
pub mod lock;

use serde::Serialize;

pub use byte_size::{ByteSize, pair};
pub use growth::Growth;

/// What a budget says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The image is within its budget.
    Pass,
    /// It is larger than its budget.
    Over,
    /// It stands on another base than its budget is for, and is not compared.
    OtherBase,
    /// It has no budget, and needs none.
    NoBudget,
    /// It has no budget, and the settings require one.
    MissingBudget,
}

impl Verdict {
    /// Whether it stops a release.
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Over | Self::MissingBudget)
    }
}

/// Compares an image's unpacked bytes with its budget; just as large as the budget passes.
pub fn judge(unpacked: u64, budget: Option<ByteSize>, require_budget: bool) -> Verdict {
    match budget {
        Some(budget) if unpacked <= budget.0 => Verdict::Pass,
        Some(_) => Verdict::Over,
        None if require_budget => Verdict::MissingBudget,
        None => Verdict::NoBudget,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_as_large_passes() {
        let budget = Some(ByteSize(1_000));
        assert_eq!(judge(1_000, budget, true), Verdict::Pass);
        assert_eq!(judge(1_001, budget, false), Verdict::Over);
    }

    #[test]
    fn no_budget_fails_only_where_one_is_required() {
        assert_eq!(judge(1, None, false), Verdict::NoBudget);
        assert_eq!(judge(1, None, true), Verdict::MissingBudget);
        assert!(Verdict::MissingBudget.has_failed() && Verdict::Over.has_failed());
        assert!(!Verdict::Pass.has_failed() && !Verdict::NoBudget.has_failed());
    }
}
