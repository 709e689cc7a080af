//! The report on a terminal.

use std::fmt::Write as _;
use std::ops::Range;

use comfy_table::{CellAlignment, Table, TableStyle};

use super::{ImageReport, Report, rebuilds};
use crate::budget::lock::GrowthVerdict;
use crate::budget::{ByteSize, Verdict};

/// How many layers and files are shown of an image that is over its budget.
const SHOWN: usize = 5;

/// A table of all images, and below it what is wrong.
pub fn text(report: &Report) -> String {
    // Writing to a string cannot fail.
    let mut text = String::new();
    if !report.images.is_empty() {
        text.push_str(&table(report));
        text.push('\n');
    }
    if !report.nodes.is_empty() {
        let _ = writeln!(text, "\n{}", nodes(report));
    }
    let not_built: Vec<_> = report.not_built().flat_map(|failure| &failure.names).map(String::as_str).collect();
    if !not_built.is_empty() {
        let _ = writeln!(text, "{}not built: {}", if text.is_empty() { "" } else { "\n" }, not_built.join(", "));
    }
    for image in report.failed() {
        text.push('\n');
        text.push_str(&explanation(image, report.is_release));
    }
    for complaint in report.node_complaints() {
        let _ = writeln!(text, "\n{complaint}");
    }
    let notes = report.images.iter().flat_map(|image| image.notes(report.is_release));
    let notes: Vec<_> = notes.chain(report.node_notes()).collect();
    if !notes.is_empty() {
        text.push('\n');
        text.extend(notes.into_iter().map(|note| note + "\n"));
    }
    if let Some(rebuilds) = &report.rebuilds {
        text.push('\n');
        text.push_str(&rebuilds::text(rebuilds));
    }
    text
}

fn table(report: &Report) -> String {
    let platforms = report.has_several_platforms();
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    let mut header = vec!["IMAGE", "SIZE", "OWN", "TRANSFER", "BUDGET", "HEADROOM", "CHANGE"];
    if platforms {
        header.insert(1, "PLATFORM");
    }
    let has_lock = report.has_lock();
    header.extend(has_lock.then_some("GROWTH"));
    header.push("BASE");
    table.set_header(header);
    for image in &report.images {
        let size = &image.size;
        let cells = image.cells();
        let mut row = vec![
            size.name.clone(),
            cells.unpacked,
            cells.own,
            cells.transfer,
            cells.budget,
            cells.headroom,
            image.change(),
        ];
        if platforms {
            row.insert(1, size.platform.clone());
        }
        row.extend(has_lock.then(|| image.growth()));
        row.push(image.short_base());
        table.add_row(row);
    }
    let first = if platforms { 2 } else { 1 };
    let numbers = first..first + 6 + usize::from(has_lock);
    lines(table, numbers)
}

/// The nodes, layers that several of their images have counted once.
fn nodes(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["NODE", "PLATFORM", "IMAGES", "SIZE", "SHARED", "BUDGET", "HEADROOM"]);
    for node in &report.nodes {
        let (size, budget) = node.sizes();
        let shared = ByteSize(node.bytes_apart - node.bytes).to_string();
        let platform = node.platform.clone();
        table.add_row([node.name.clone(), platform, node.images.join(", "), size, shared, budget, node.headroom()]);
    }
    lines(table, 3..7)
}

/// The lines of a table of which these columns are numbers.
fn lines(mut table: Table, numbers: Range<usize>) -> String {
    for column in table.column_iter_mut().take(numbers.end).skip(numbers.start) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

fn explanation(image: &ImageReport, is_release: bool) -> String {
    let mut text = image.complaints(is_release).join("\n") + "\n";
    if !matches!((image.verdict, image.growth.verdict), (Verdict::Over, _) | (_, GrowthVerdict::Over)) {
        return text;
    }
    // Writing to a string cannot fail.
    let mut layers: Vec<_> = image.size.layers.iter().collect();
    layers.sort_by_key(|layer| std::cmp::Reverse(layer.contents.unpacked));
    for layer in layers.into_iter().take(SHOWN) {
        let whose = if layer.own { "own layer " } else { "base layer" };
        let _ = writeln!(
            text,
            "  {whose} {:>10}  {}",
            ByteSize(layer.contents.unpacked).to_string(),
            shortened(&layer.created_by)
        );
        for file in layer.contents.largest_files.iter().filter(|_| layer.own).take(SHOWN) {
            let _ = writeln!(text, "    file     {:>10}  {}", ByteSize(file.bytes).to_string(), file.path);
        }
    }
    text
}

fn shortened(instruction: &str) -> String {
    let instruction = instruction.trim_end_matches("# buildkit").trim_end();
    instruction.chars().take(80).collect()
}
