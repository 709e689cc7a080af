//! The report as Markdown, for a step summary.

use std::fmt::Write as _;

use super::Report;
use crate::budget::{ByteSize, Verdict};

/// The verdict, a table, and below it what is wrong.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("### Images: {}\n\n", report.summary());
    // Writing to a string cannot fail.
    if !report.images.is_empty() {
        text.push_str("| | image | platform | size | own | transfer | budget | headroom | change |\n");
        text.push_str("|---|---|---|--:|--:|--:|--:|--:|--:|\n");
    }
    for image in &report.images {
        let size = &image.size;
        let mark = match image.verdict {
            Verdict::Pass => "✅",
            Verdict::NoBudget | Verdict::OtherBase => "➖",
            Verdict::Over | Verdict::MissingBudget => "❌",
        };
        let estimate = if size.transfer.how.is_exact() { "" } else { "~" };
        let (unpacked, budget) = image.size_and_budget();
        let _ = writeln!(
            text,
            "| {mark} | `{}` | {} | {} | {} | {estimate}{} | {} | {} | {} |",
            size.name,
            size.platform,
            unpacked,
            ByteSize(size.own.bytes),
            ByteSize(size.transfer.bytes),
            budget,
            image.headroom(),
            image.change(),
        );
    }
    for image in report.failed() {
        let _ = writeln!(text, "\n❌ {}", image.complaint());
    }
    for (what, failures) in
        [("not built", &report.failures), ("would not start", &report.misfits), ("not pushed", &report.unpushed)]
    {
        for failure in failures {
            let _ = writeln!(text, "\n❌ {what}: {}\n\n```text\n{}\n```", failure.names.join(", "), failure.text);
        }
    }
    text
}
