//! Sizes, budgets, modules and commits as tables and bars.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape;
use crate::budget::history::{History, Point};
use crate::budget::{ByteSize, Verdict, pair};
use crate::engine::BuildFailure;
use crate::explain::{Change, Part, Remark};
use crate::report::explanation::{ORIGINS, named, percent};
use crate::report::history::{commit_words, crossing};
use crate::report::{ImageReport, Report, signed};

/// A cell of a table: its class and its text, which is no markup.
type Cell = (&'static str, String);

/// The images and nodes of a report, and what is wrong with them.
pub(super) fn report(report: &Report) -> String {
    let mut html = String::new();
    for complaint in report.failed().flat_map(|image| image.complaints(report.is_release)) {
        html.push_str(&sentence("no", &complaint));
    }
    for complaint in report.node_complaints() {
        html.push_str(&sentence("no", &complaint));
    }
    let not_built = report.not_built().map(|failure| ("not built", failure));
    let misfits = report.misfits.iter().map(|failure| ("would not start", failure));
    let unpushed = report.unpushed.iter().map(|failure| ("not pushed", failure));
    for (what, failure) in not_built.chain(misfits).chain(unpushed) {
        html.push_str(&failed(what, failure));
    }
    html.push_str(&images(report));
    html.push_str(&nodes(report));
    let notes = report.images.iter().flat_map(|image| image.notes(report.is_release));
    for note in notes.chain(report.node_notes()) {
        html.push_str(&sentence("quiet", &note));
    }
    html
}

pub(super) fn sentence(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escape(text))
}

fn failed(what: &str, failure: &BuildFailure) -> String {
    let names = escape(&failure.names.join(", "));
    format!("<details><summary class=\"no\">{what}: {names}</summary><pre>{}</pre></details>\n", escape(&failure.text))
}

fn images(report: &Report) -> String {
    if report.images.is_empty() {
        return String::new();
    }
    let head = ["", "image", "platform", "size", "own", "transfer", "budget", "headroom", "change", "growth", "base"];
    let row = |image: &ImageReport| {
        let cells = image.cells();
        let verdict = if image.has_failed(report.is_release) { Verdict::Over } else { image.verdict };
        let numbers = [cells.unpacked, cells.own, cells.transfer, cells.budget, cells.headroom, image.change()];
        let names = [image.size.name.clone(), image.size.platform.clone()].map(|name| ("", name));
        let numbers = numbers.into_iter().chain([image.growth()]).map(|number| ("number", number));
        [mark(verdict)].into_iter().chain(names).chain(numbers).chain([("", image.short_base())]).collect()
    };
    table(&head, report.images.iter().map(row))
}

fn nodes(report: &Report) -> String {
    if report.nodes.is_empty() {
        return String::new();
    }
    let rows = report.nodes.iter().map(|node| {
        let (size, budget) = node.sizes();
        let shared = ByteSize(node.bytes_apart - node.bytes).to_string();
        let verdict = if node.verdict.has_failed(report.is_release) { Verdict::Over } else { node.verdict };
        let names = [node.name.clone(), node.platform.clone(), node.images.join(", ")].map(|name| ("", name));
        let numbers = [size, shared, budget, node.headroom()].map(|number| ("number", number));
        [mark(verdict)].into_iter().chain(names).chain(numbers).collect()
    });
    table(&["", "node", "platform", "images", "size", "shared", "budget", "headroom"], rows)
}

/// A verdict as a sign, and not by its colour alone.
fn mark(verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Pass => ("yes", "✓".to_owned()),
        Verdict::Close => ("close", "!".to_owned()),
        Verdict::NoBudget | Verdict::NotChecked => ("quiet", "–".to_owned()),
        Verdict::NotThere | Verdict::MissingBudget | Verdict::Over => ("no", "✗".to_owned()),
    }
}

/// A table; columns of numbers are known by the class of their cells.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let rows: Vec<_> = rows.collect();
    let class = |column: usize| rows.first().and_then(|row| row.get(column)).map_or("", |(class, _)| class);
    let mut html = "<div class=\"scroll\"><table>\n<tr>".to_owned();
    // Writing to a string cannot fail.
    for (column, title) in head.iter().enumerate() {
        let class = if class(column) == "number" { " class=\"number\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{title}</th>");
    }
    html.push_str("</tr>\n");
    for row in &rows {
        html.push_str("<tr>");
        for (class, text) in row {
            let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
            let _ = write!(html, "<td{class}>{}</td>", escape(text));
        }
        html.push_str("</tr>\n");
    }
    html + "</table></div>\n"
}

/// The first rows of a table, and the others folded.
fn folded(head: &[&str], mut rows: Vec<Vec<Cell>>) -> String {
    let rest = rows.split_off(rows.len().min(ORIGINS));
    let mut html = table(head, rows.into_iter());
    if !rest.is_empty() {
        let _ = writeln!(html, "<details><summary>{} more</summary>", rest.len());
        html.push_str(&table(head, rest.into_iter()));
        html.push_str("</details>\n");
    }
    html
}

/// Modules and crates over all files and sections.
pub(super) fn origins(origins: &[Part], whole: u64) -> String {
    if origins.is_empty() {
        return String::new();
    }
    let row = |part: &Part| {
        let name = named(part.kind, &part.name);
        let version = part.version.clone().unwrap_or_default();
        let (size, part_of_all) = (ByteSize(part.bytes).to_string(), percent(part.bytes, whole));
        vec![("long", name), ("", version), ("number", size), ("number", part_of_all)]
    };
    let rows = origins.iter().map(row).collect();
    "<h3>By module and crate</h3>\n".to_owned() + &folded(&["name", "version", "size", "of all"], rows)
}

/// The whole before and after.
pub(super) fn change(change: &Change) -> String {
    let (before, after) = pair(ByteSize(change.before), ByteSize(change.after));
    sentence("", &format!("{}: {before} before, {after} after", signed(change.difference())))
}

/// What changed of modules and crates over all files and sections.
pub(super) fn changed_origins(changes: &[Change], imports: &BTreeMap<String, Option<String>>) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let row = |change: &Change| {
        let (before, after) = pair(ByteSize(change.before), ByteSize(change.after));
        let versions = match (&change.version_before, &change.version_after) {
            (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
            (before, after) => after.as_ref().or(before.as_ref()).cloned().unwrap_or_default(),
        };
        let difference = ("number", signed(change.difference()));
        let name = ("long", named(change.kind, &change.name));
        let way = imports.get(&change.name).map(|way| way.clone().unwrap_or_else(|| "only other modules".to_owned()));
        let way = (!imports.is_empty()).then(|| ("long quiet", way.unwrap_or_default()));
        [name, ("", versions), ("number", before), ("number", after), difference].into_iter().chain(way).collect()
    };
    let head = ["name", "version", "before", "after", "change", "imported by"];
    let head = if imports.is_empty() { &head[..5] } else { &head };
    "<h3>By module and crate</h3>\n".to_owned() + &folded(head, changes.iter().map(row).collect())
}

/// What would make it smaller.
pub(super) fn remarks(remarks: &[Remark]) -> String {
    let sentences = remarks.iter().map(|remark| format!("{} ({})", remark.text, ByteSize(remark.bytes)));
    let sentences: String = sentences.map(|text| sentence("", &text)).collect();
    if sentences.is_empty() { sentences } else { "<h3>Remarks</h3>\n".to_owned() + &sentences }
}

/// A bar for each commit that changed the size, the least the lowest, and the commits as a table.
pub(super) fn history(history: &History) -> String {
    let sizes = history.unpacked();
    let budget = history.limits.unpacked.map(|budget| budget.0);
    let (Some(least), Some(most)) = (sizes.iter().chain(&budget).min(), sizes.iter().chain(&budget).max()) else {
        return String::new();
    };
    // The least has a height too: there is a bar for every commit.
    let height = |bytes: u64| 10 + u128::from(bytes - least) * 90 / u128::from((most - least).max(1));
    let mut html = "<h3>History of the lock file</h3>\n<div class=\"chart\"><ol class=\"bars\">".to_owned();
    // Writing to a string cannot fail.
    for point in &history.points {
        let Some(image) = &point.image else { continue };
        let is_over = budget.is_some_and(|budget| image.unpacked > budget);
        let class = if is_over { " class=\"over\"" } else { "" };
        let (hash, date, subject) = commit_words(point.commit.as_ref());
        let label = escape(&format!("{}, {hash} {date} {subject}", ByteSize(image.unpacked)));
        let _ = write!(
            html,
            "<li{class} tabindex=\"0\" title=\"{label}\" aria-label=\"{label}\" style=\"height:{}%\"></li>",
            height(image.unpacked)
        );
    }
    html.push_str("</ol>");
    if let Some(budget) = budget {
        let _ = write!(html, "<div class=\"limit\" style=\"bottom:{}%\"></div>", height(budget));
    }
    let line = budget.map(|budget| format!(", the line is the budget of {}", ByteSize(budget))).unwrap_or_default();
    let range = sizes.iter().min().zip(sizes.iter().max());
    let range = range.map(|(least, most)| format!("{} to {}{line}", ByteSize(*least), ByteSize(*most)));
    let _ = writeln!(html, "</div>\n<p class=\"quiet\">{}</p>", range.unwrap_or_default());
    html.push_str("<details><summary>Commits</summary>\n");
    html.push_str(&table(&["commit", "date", "size", "own", "subject", ""], history.points.iter().map(commit)));
    html + "</details>\n"
}

fn commit(point: &Point) -> Vec<Cell> {
    let (hash, date, subject) = commit_words(point.commit.as_ref());
    let image = point.image.as_ref();
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "gone".to_owned(), |bytes| ByteSize(bytes).to_string());
    vec![
        ("", hash),
        ("", date),
        ("number", bytes(image.map(|image| image.unpacked))),
        ("number", bytes(image.map(|image| image.own))),
        ("long", subject),
        ("no", crossing(point).unwrap_or_default()),
    ]
}
