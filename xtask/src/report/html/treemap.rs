//! A tree of parts or of changes as boxes within boxes.

use std::fmt::Write as _;

use super::escape;
use super::squarify::squarify;
use crate::budget::ByteSize;
use crate::explain::{Change, Kind, Part};
use crate::report::explanation::{known_by, named, percent};
use crate::report::signed;

/// Parts of less than one in so many bytes of the whole are gathered.
const SMALL: u128 = 1_500;

/// The box that the layout is made for, in pixels; a page may give it another size.
const BOX: (f64, f64) = (1_000.0, 560.0);

/// What a box has around the boxes in it, in pixels: its borders, and above them its name.
const FRAME: (f64, f64) = (4.0, 22.0);

/// A box.
struct Cell {
    /// Its kind and name.
    name: String,
    /// What stands in it: of its name what the box around it does not say.
    label: String,
    /// What stands beside that, where there is room.
    size: String,
    /// What it says when it is looked at.
    details: String,
    class: &'static str,
    area: u128,
    cells: Vec<Cell>,
}

/// The parts of a whole.
pub(super) fn parts(whole: &Part) -> String {
    tree(&part(whole, "", whole.bytes))
}

/// The changes of a whole, each as large as what grew or shrank in it. Empty where nothing did.
pub(super) fn changes(whole: &Change) -> String {
    let cell = change(whole, "", area(whole));
    if cell.area == 0 { String::new() } else { tree(&cell) }
}

fn part(part_of: &Part, around: &str, whole: u64) -> Cell {
    let bytes = |part: &Part| u128::from(part.bytes);
    let (large, small) = split(&part_of.parts, |part| bytes(part), u128::from(whole));
    let mut cells: Vec<_> = large.iter().map(|inner| part(inner, &part_of.name, whole)).collect();
    let rest: u64 = small.iter().map(|part| part.bytes).sum();
    if rest > 0 {
        cells.push(more(small.len(), ByteSize(rest).to_string(), &percent(rest, whole), u128::from(rest)));
    }
    let version = part_of.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let name = format!("{}{version}", named(part_of.kind, &part_of.name));
    let size = ByteSize(part_of.bytes).to_string();
    let known = known_by(part_of.how).map(|how| format!(", known by {how}")).unwrap_or_default();
    let details = format!("{size} ({} B), {} of all{known}", part_of.bytes, percent(part_of.bytes, whole));
    let label = format!("{}{version}", label(&part_of.name, around));
    Cell { name, label, size, details, class: class(part_of.kind), area: bytes(part_of), cells }
}

fn change(changed: &Change, around: &str, whole: u128) -> Cell {
    let (large, small) = split(&changed.changes, area, whole);
    let mut cells: Vec<_> = large.iter().map(|inner| change(inner, &changed.name, whole)).collect();
    let rest: u128 = small.iter().map(|inner| area(inner)).sum();
    if rest > 0 {
        let difference = signed(small.iter().map(|inner| inner.difference()).sum());
        cells.push(more(small.len(), difference.clone(), "together", rest));
    }
    let class = match changed.difference() {
        0 => "even",
        1.. => "grew",
        _ => "shrank",
    };
    let size = signed(changed.difference());
    let (before, after) = (ByteSize(changed.before), ByteSize(changed.after));
    let details = format!("{size}: {before} ({} B) → {after} ({} B)", changed.before, changed.after);
    let (name, label) = (named(changed.kind, &changed.name), label(&changed.name, around).to_owned());
    Cell { name, label, size, details, class, area: area(changed), cells }
}

/// What grew and what shrank in a change, both counted as more.
fn area(change: &Change) -> u128 {
    let inner: u128 = change.changes.iter().map(area).sum();
    if inner > 0 { inner } else { change.difference().unsigned_abs() }
}

/// Those that are large enough to be seen, the largest first, and the others that have an area.
fn split<T>(all: &[T], area: impl Fn(&T) -> u128, whole: u128) -> (Vec<&T>, Vec<&T>) {
    let mut all: Vec<_> = all.iter().filter(|one| area(one) > 0).collect();
    all.sort_by_key(|one| std::cmp::Reverse(area(one)));
    let large = all.iter().take_while(|one| area(one).saturating_mul(SMALL) >= whole).count();
    let small = all.split_off(large);
    (all, small)
}

fn more(count: usize, size: String, of_all: &str, area: u128) -> Cell {
    let details = format!("{size}, {of_all}: too small to be shown one by one");
    let name = format!("{count} more");
    Cell { label: name.clone(), name, size, details, class: "rest", area, cells: Vec::new() }
}

/// A name without that of what it lies in: of the package `a/b/c` in the module `a/b`, `c`.
fn label<'a>(name: &'a str, around: &str) -> &'a str {
    let rest = name.strip_prefix(around).and_then(|rest| rest.strip_prefix('/'));
    rest.filter(|rest| !rest.is_empty() && !around.is_empty()).unwrap_or(name)
}

/// The class of a kind of parts, by which it is coloured.
fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Base => "base",
        Kind::Image | Kind::Own | Kind::Layer | Kind::File => "file",
        Kind::Section => "section",
        Kind::Module | Kind::Package | Kind::Crate => "code",
        Kind::Native => "native",
        Kind::Embed => "embed",
        Kind::Archive | Kind::Headers | Kind::Padding | Kind::Unattributed => "rest",
    }
}

fn tree(root: &Cell) -> String {
    let mut html = String::new();
    let label = escape(&root.name);
    // Writing to a string cannot fail.
    let _ = write!(html, "<div class=\"treemap\" role=\"tree\" aria-label=\"{label}\" data-cells=\"{}\">", count(root));
    cell(&mut html, root, "left:0;top:0;width:100%;height:100%", BOX, 1);
    let details = escape(&root.details);
    let _ = writeln!(html, "</div>\n<p class=\"details\" role=\"status\">{label}: {details}</p>");
    html
}

fn count(cell: &Cell) -> usize {
    1 + cell.cells.iter().map(count).sum::<usize>()
}

/// A box at a place in the one around it; `size` is its own, in pixels.
fn cell(html: &mut String, cell_of: &Cell, place: &str, size: (f64, f64), level: usize) {
    let (name, details) = (escape(&cell_of.name), escape(&cell_of.details));
    let group = if cell_of.cells.is_empty() { "" } else { " group" };
    let _ = write!(
        html,
        "\n<div class=\"cell {}{group}\" role=\"treeitem\" tabindex=\"0\" aria-level=\"{level}\" aria-label=\"{name}: {details}\" \
         data-name=\"{name}\" data-details=\"{details}\" style=\"{place}\"><span class=\"name\">{} <b>{}</b></span>",
        cell_of.class,
        escape(&cell_of.label),
        escape(&cell_of.size)
    );
    if !cell_of.cells.is_empty() {
        let inner = ((size.0 - FRAME.0).max(1.0), (size.1 - FRAME.1).max(1.0));
        html.push_str("<div class=\"inner\" role=\"group\">");
        let areas: Vec<_> = cell_of.cells.iter().map(|cell| cell.area).collect();
        let places = squarify(&areas, inner.0 / inner.1);
        for (inside, at) in cell_of.cells.iter().zip(places) {
            let [left, top, width, height] = [at.left, at.top, at.width, at.height].map(|part| part * 100.0);
            let place = format!("left:{left:.3}%;top:{top:.3}%;width:{width:.3}%;height:{height:.3}%");
            cell(html, inside, &place, (inner.0 * at.width, inner.1 * at.height), level + 1);
        }
        html.push_str("</div>");
    }
    html.push_str("</div>");
}
