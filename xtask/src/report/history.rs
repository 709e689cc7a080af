//! What the lock file said of an image from commit to commit.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;

use super::{signed, to_json};
use crate::budget::history::{Commit, History, Point, sparkline};
use crate::budget::{ByteSize, Limits, Measure};

/// The form of the document; a key that changes its meaning raises it.
const VERSION: u32 = 1;

/// How many bars a line has at most; those of the newest commits.
const BARS: usize = 60;

/// How much of a commit's subject is shown.
const SUBJECT: usize = 60;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    is_shallow: bool,
    histories: Vec<Platform<'a>>,
}

#[derive(Serialize)]
struct Platform<'a> {
    name: &'a str,
    platform: &'a str,
    /// In bytes.
    budget: Limits,
    points: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    commit: Option<&'a str>,
    date: Option<&'a str>,
    subject: Option<&'a str>,
    unpacked_bytes: Option<u64>,
    own_bytes: Option<u64>,
    transfer_bytes: Option<u64>,
    crossed: Vec<String>,
}

/// `{"version", "is_shallow", "histories": […]}`, with a final line end.
pub fn history_json(histories: &[History], is_shallow: bool) -> String {
    let histories = histories.iter().map(|history| Platform {
        name: &history.name,
        platform: &history.platform,
        budget: history.limits,
        points: history.points.iter().map(row).collect(),
    });
    to_json(&Document { version: VERSION, is_shallow, histories: histories.collect() })
}

fn row(point: &Point) -> Row<'_> {
    let commit = point.commit.as_ref();
    let image = point.image.as_ref();
    Row {
        commit: commit.map(|commit| commit.hash.as_str()),
        date: commit.map(|commit| commit.date.as_str()),
        subject: commit.map(|commit| commit.subject.as_str()),
        unpacked_bytes: image.map(|image| image.unpacked),
        own_bytes: image.map(|image| image.own),
        transfer_bytes: image.and_then(|image| image.transfer),
        crossed: point.crossed.iter().map(Measure::to_string).collect(),
    }
}

/// A line of bars and a table of commits for each platform, the oldest first.
pub fn history(histories: &[History]) -> String {
    histories.iter().map(platform).collect::<Vec<_>>().join("\n")
}

fn platform(history: &History) -> String {
    let sizes = history.unpacked();
    let shown = &sizes[sizes.len().saturating_sub(BARS)..];
    let range = shown.iter().min().zip(shown.iter().max());
    let range = range.map(|(least, most)| format!("{} to {}", ByteSize(*least), ByteSize(*most)));
    let mut text =
        format!("{} {}  {}  {}\n", history.name, history.platform, sparkline(shown), range.unwrap_or_default());
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["COMMIT", "DATE", "SIZE", "CHANGE", "OWN", "TRANSFER", "SUBJECT"]);
    let mut before = None;
    for point in &history.points {
        table.add_row(cells(point, before));
        before = point.image.as_ref().map(|image| image.unpacked);
    }
    for column in table.column_iter_mut().skip(2).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim());
    }
    text
}

fn cells(point: &Point, before: Option<u64>) -> [String; 7] {
    let dash = || "-".to_owned();
    let bytes = |bytes: Option<u64>| bytes.map_or_else(dash, |bytes| ByteSize(bytes).to_string());
    let image = point.image.as_ref();
    let change = image.zip(before).map(|(image, before)| signed(i128::from(image.unpacked) - i128::from(before)));
    let (hash, date, subject) = commit_words(point.commit.as_ref());
    let subject = match crossing(point) {
        Some(crossing) => format!("{subject}  <- {crossing}"),
        None => subject,
    };
    [
        hash,
        date,
        image.map_or_else(|| "gone".to_owned(), |image| ByteSize(image.unpacked).to_string()),
        change.unwrap_or_else(dash),
        bytes(image.map(|image| image.own)),
        bytes(image.and_then(|image| image.transfer)),
        subject,
    ]
}

/// A commit's short hash, its day and the beginning of its subject.
pub(super) fn commit_words(commit: Option<&Commit>) -> (String, String, String) {
    let Some(commit) = commit else { return ("-".to_owned(), "-".to_owned(), "(not committed)".to_owned()) };
    let hash = commit.hash.chars().take(9).collect();
    // Another's text must not control the terminal.
    let mut subject: String = commit.subject.chars().filter(|character| !character.is_control()).collect();
    if let Some((end, _)) = subject.char_indices().nth(SUBJECT) {
        subject.truncate(end);
        subject.push('…');
    }
    (hash, commit.date.clone(), subject)
}

/// That a commit crossed today's budget, where it did.
pub(super) fn crossing(point: &Point) -> Option<String> {
    let measures: Vec<_> = point.crossed.iter().map(Measure::to_string).collect();
    (!measures.is_empty()).then(|| format!("over the budget: {}", measures.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::history::{histories, tests::revisions};

    #[test]
    fn a_history_in_every_form() {
        let mut revisions = revisions(&[Some(8_000_000), Some(8_500_000), Some(10_200_000), None, Some(9_000_000)]);
        if let Some(commit) = &mut revisions[1].commit {
            commit.subject = format!("\u{1b}[31mA subject that {}", "goes on ".repeat(10));
        }
        revisions[4].commit = None;
        let limits = Limits { unpacked: Some(ByteSize(10_000_000)), ..Limits::default() };
        let histories = histories("worker", &revisions, |_| limits);
        insta::assert_snapshot!("history_as_text", history(&histories));
        insta::assert_snapshot!("history_as_json", history_json(&histories, true));
    }
}
