//! The report as Markdown, for a step summary.

use std::fmt::Write as _;

use super::Report;
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
            _ if image.has_failed(report.is_release) => "❌",
            verdict => mark(verdict),
        };
        let growth = if has_lock { format!(" {} |", image.growth()) } else { String::new() };
        let cells = image.cells();
        let _ = writeln!(
            text,
            "| {mark} | `{}` | {} | {} | {} | {} | {} | {} | {} |{growth}",
            size.name,
            size.platform,
            cells.unpacked,
            cells.own,
            cells.transfer,
            cells.budget,
            cells.headroom,
            image.change(),
        );
    }
    nodes(&mut text, report);
    let complaints = report.failed().flat_map(|image| image.complaints(report.is_release));
    for complaint in complaints.chain(report.node_complaints()) {
        let _ = writeln!(text, "\n❌ {complaint}");
    }
    let notes = report.images.iter().flat_map(|image| image.notes(report.is_release));
    for note in notes.chain(report.node_notes()) {
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

fn nodes(text: &mut String, report: &Report) {
    if report.nodes.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n| | node | platform | images | size | shared | budget | headroom |");
    let _ = writeln!(text, "|---|---|---|---|--:|--:|--:|--:|");
    for node in &report.nodes {
        let mark = if node.verdict.has_failed(report.is_release) { "❌" } else { mark(node.verdict) };
        let (size, budget) = node.sizes();
        let shared = ByteSize(node.bytes_apart - node.bytes);
        let _ = writeln!(
            text,
            "| {mark} | `{}` | {} | {} | {size} | {shared} | {budget} | {} |",
            node.name,
            node.platform,
            node.images.join(", "),
            node.headroom()
        );
    }
}

/// The mark of an image or node that is no failure otherwise.
fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Close => "⚠️",
        Verdict::NoBudget | Verdict::OtherBase | Verdict::NotChecked => "➖",
        Verdict::NotThere | Verdict::MissingBudget | Verdict::Over => "❌",
    }
}
