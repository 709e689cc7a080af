//! The report as Markdown, for a step summary.

use std::fmt::Write as _;

use super::{ImageReport, Report};
use crate::budget::{ByteSize, Verdict};

/// The verdict, a table, and below it what is wrong.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("### Images: {}\n\n", report.summary());
    let has_lock = report.has_lock();
    // Writing to a string cannot fail.
    if !report.images.is_empty() {
        let (title, line) = if has_lock { (" growth |", "--:|") } else { ("", "") };
        let _ = writeln!(text, "| | image | platform | size | own | transfer | budget | headroom | change |{title}");
        let _ = writeln!(text, "|---|---|---|--:|--:|--:|--:|--:|--:|{line}");
    }
    for image in &report.images {
        let size = &image.size;
        let mark = match image.verdict {
            _ if image.has_failed() => "❌",
            Verdict::Pass => "✅",
            Verdict::NoBudget | Verdict::OtherBase => "➖",
            Verdict::Over | Verdict::MissingBudget => "❌",
        };
        let estimate = if size.transfer.how.is_exact() { "" } else { "~" };
        let growth = if has_lock { format!(" {} |", image.growth()) } else { String::new() };
        let (unpacked, budget) = image.size_and_budget();
        let _ = writeln!(
            text,
            "| {mark} | `{}` | {} | {} | {} | {estimate}{} | {} | {} | {} |{growth}",
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
        for complaint in image.complaints() {
            let _ = writeln!(text, "\n❌ {complaint}");
        }
    }
    for note in report.images.iter().flat_map(ImageReport::growth_notes) {
        let _ = writeln!(text, "\n{note}");
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
