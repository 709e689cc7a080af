//! The report as Markdown, for a step summary or a comment.

use std::fmt::Write as _;

use super::{ImageReport, Report};
use crate::budget::{ByteSize, JudgedNode, Verdict};
use crate::engine::BuildFailure;

/// The most characters of a comment on GitHub; a step's summary may be larger.
const LIMIT: usize = 65_536;

/// The characters that are kept free for what ends the text.
const RESERVE: usize = 300;

/// The most characters of what a failed build wrote, the last ones: there the error is.
const LARGEST_LOG: usize = 8_000;

/// The verdict, then what is wrong, and all that is not in a fold.
pub fn markdown(report: &Report) -> String {
    let mut page = Page { text: format!("### Images: {}\n", report.summary()), length: 0, left_out: 0 };
    page.length = page.text.chars().count();
    let has_failed = |image: &&ImageReport| image.has_failed(report.is_release);
    let (failed, others): (Vec<_>, Vec<_>) = report.images.iter().partition(has_failed);
    page.images(&failed, report);
    let has_failed = |node: &&JudgedNode| node.verdict.has_failed(report.is_release);
    let (failed_nodes, other_nodes): (Vec<_>, Vec<_>) = report.nodes.iter().partition(has_failed);
    page.nodes(&failed_nodes, report);
    let complaints = failed.iter().flat_map(|image| image.complaints(report.is_release));
    complaints.chain(report.node_complaints()).for_each(|complaint| page.add(&format!("\n❌ {complaint}\n")));
    for (what, failures) in
        [("not built", &report.failures), ("would not start", &report.misfits), ("not pushed", &report.unpushed)]
    {
        failures.iter().for_each(|failure| page.add(&failed_build(what, failure)));
    }
    let notes = report.images.iter().flat_map(|image| image.notes(report.is_release));
    let notes: Vec<_> = notes.chain(report.node_notes()).collect();
    let count = others.len() + other_nodes.len();
    if count == 0 && notes.is_empty() {
        return page.end();
    }
    // Where nothing is wrong, the sizes are the news.
    let open = if failed.is_empty() && failed_nodes.is_empty() { " open" } else { "" };
    let _ = writeln!(page.text, "\n<details{open}><summary>{count} without fault</summary>");
    page.images(&others, report);
    page.nodes(&other_nodes, report);
    notes.into_iter().for_each(|note| page.add(&format!("\n{note}\n")));
    page.text.push_str("\n</details>\n");
    page.end()
}

/// What is written so far, and how much is not.
struct Page {
    text: String,
    /// In characters.
    length: usize,
    left_out: usize,
}

impl Page {
    /// Adds a piece if it fits. Where one did not, none behind it is.
    fn add(&mut self, piece: &str) {
        let length = self.length + piece.chars().count();
        if self.left_out > 0 || length + RESERVE > LIMIT {
            self.left_out += 1;
        } else {
            self.length = length;
            self.text.push_str(piece);
        }
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "\n… and {} more lines, which the command's own output has", self.left_out);
        }
        self.text
    }

    fn images(&mut self, images: &[&ImageReport], report: &Report) {
        if images.is_empty() {
            return;
        }
        let has_lock = report.has_lock();
        let (title, line) = if has_lock { (" growth |", "--:|") } else { ("", "") };
        self.add(&format!(
            "\n| | image | platform | size | own | transfer | budget | headroom | change |{title}\n\
             |---|---|---|--:|--:|--:|--:|--:|--:|{line}\n"
        ));
        for image in images {
            let mark = if image.has_failed(report.is_release) { "❌" } else { mark(image.verdict) };
            let growth = if has_lock { format!(" {} |", image.growth()) } else { String::new() };
            let (size, cells) = (&image.size, image.cells());
            self.add(&format!(
                "| {mark} | `{}` | {} | {} | {} | {} | {} | {} | {} |{growth}\n",
                size.name,
                size.platform,
                cells.unpacked,
                cells.own,
                cells.transfer,
                cells.budget,
                cells.headroom,
                image.change(),
            ));
        }
    }

    fn nodes(&mut self, nodes: &[&JudgedNode], report: &Report) {
        if nodes.is_empty() {
            return;
        }
        self.add(
            "\n| | node | platform | images | size | shared | budget | headroom |\n|---|---|---|---|--:|--:|--:|--:|\n",
        );
        for node in nodes {
            let mark = if node.verdict.has_failed(report.is_release) { "❌" } else { mark(node.verdict) };
            let (size, budget) = node.sizes();
            let shared = ByteSize(node.bytes_apart - node.bytes);
            self.add(&format!(
                "| {mark} | `{}` | {} | {} | {size} | {shared} | {budget} | {} |\n",
                node.name,
                node.platform,
                node.images.join(", "),
                node.headroom()
            ));
        }
    }
}

fn failed_build(what: &str, failure: &BuildFailure) -> String {
    let length = failure.text.chars().count();
    let cut: String = failure.text.chars().skip(length.saturating_sub(LARGEST_LOG)).collect();
    let begin = if length > LARGEST_LOG { "…" } else { "" };
    format!("\n❌ {what}: {}\n\n```text\n{begin}{cut}\n```\n", failure.names.join(", "))
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
