//! The report as Markdown, for a step's summary or a comment on GitHub.

use std::fmt::Write as _;

use super::{ImageReport, Report};
use crate::budget::{ByteSize, JudgedNode, Verdict};
use crate::engine::BuildFailure;

/// Where Markdown is shown, which decides how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a comment, which begins with [`MARKER`].
    Comment,
    /// In the summary of a workflow's step.
    Summary,
}

impl Place {
    /// The most bytes that GitHub takes: of a comment it counts characters, which are no more.
    fn limit(self) -> usize {
        match self {
            Self::Comment => 65_536,
            Self::Summary => 1_048_576,
        }
    }
}

/// The first line of a comment: nobody sees it, and by it the next run finds the comment that it replaces.
pub const MARKER: &str = "<!-- cargo xtask images -->";

/// The bytes that are kept free for what ends the text.
const RESERVE: usize = 300;

/// The most characters of what a failed build wrote, the last ones: there the error is.
const LARGEST_LOG: usize = 8_000;

/// The verdict, then what is wrong, and all that is not in a fold.
pub fn markdown(report: &Report, place: Place) -> String {
    let marker = if place == Place::Comment { format!("{MARKER}\n") } else { String::new() };
    let text = format!("{marker}### Images: {}\n", report.summary());
    let mut page = Page { text, limit: place.limit(), left_out: 0 };
    let has_failed = |image: &&ImageReport| image.has_failed(report.is_release);
    let (failed, others): (Vec<_>, Vec<_>) = report.images.iter().partition(has_failed);
    page.images(&failed, report);
    let has_failed = |node: &&JudgedNode| node.verdict.has_failed(report.is_release);
    let (failed_nodes, other_nodes): (Vec<_>, Vec<_>) = report.nodes.iter().partition(has_failed);
    page.nodes(&failed_nodes, report);
    let complaints = failed.iter().flat_map(|image| image.complaints(report.is_release));
    complaints.chain(report.node_complaints()).for_each(|complaint| page.add(&format!("\n❌ {complaint}\n")));
    let not_built = report.not_built().map(|failure| ("not built", failure));
    let misfits = report.misfits.iter().map(|failure| ("would not start", failure));
    let unpushed = report.unpushed.iter().map(|failure| ("not pushed", failure));
    for (what, failure) in not_built.chain(misfits).chain(unpushed) {
        page.add(&failed_build(what, failure));
    }
    report.tag_lines().for_each(|line| page.add(&format!("\n{line}\n")));
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
    /// The most bytes of the text.
    limit: usize,
    left_out: usize,
}

impl Page {
    /// Adds a piece if it fits. Where one did not, none behind it is.
    fn add(&mut self, piece: &str) {
        if self.left_out > 0 || self.text.len() + piece.len() + RESERVE > self.limit {
            self.left_out += 1;
        } else {
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
            "\n| | image | platform | size | own | transfer | budget | headroom | change |{title} base |\n\
             |---|---|---|--:|--:|--:|--:|--:|--:|{line}---|\n"
        ));
        for image in images {
            let mark = if image.has_failed(report.is_release) { "❌" } else { mark(image.verdict) };
            let growth = if has_lock { format!(" {} |", image.growth()) } else { String::new() };
            let (size, cells) = (&image.size, image.cells());
            self.add(&format!(
                "| {mark} | `{}` | {} | {} | {} | {} | {} | {} | {} |{growth} {} |\n",
                size.name,
                size.platform,
                cells.unpacked,
                cells.own,
                cells.transfer,
                cells.budget,
                cells.headroom,
                image.change(),
                image.short_base(),
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
    let mut fence = "```".to_owned();
    while cut.contains(&fence) {
        fence.push('`');
    }
    format!("\n❌ {what}: {}\n\n{fence}text\n{begin}{cut}\n{fence}\n", failure.names.join(", "))
}

/// The mark of an image or node that is no failure otherwise.
fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Close => "⚠️",
        Verdict::NoBudget | Verdict::NotChecked => "➖",
        Verdict::NotThere | Verdict::MissingBudget | Verdict::Over => "❌",
    }
}
