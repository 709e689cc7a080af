//! Explanations and differences on a terminal: a tree, and below it what the parts of all files come to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::signed;
use crate::budget::{ByteSize, pair};
use crate::explain::{Change, Explanation, How, Kind, Part, Split, by_origin};

/// Without `--all`, smaller parts of the whole are gathered in a line: one in this many bytes.
const SMALL: u64 = 200;

/// Without `--all`, how many parts of one are shown.
const SHOWN: usize = 12;

/// How many modules and crates the list below the tree shows.
pub(super) const ORIGINS: usize = 15;

/// The tree of an explanation, its modules and crates over all files, and its remarks. `all` leaves nothing out.
pub fn explanation(explanation: &Explanation, all: bool) -> String {
    let whole = &explanation.whole;
    let mut text = String::new();
    tree(&mut text, whole, whole.bytes, 0, all);
    let origins = by_origin(whole);
    if !origins.is_empty() {
        text.push_str("\nby module and crate, over all sections\n");
        let shown = if all { origins.len() } else { ORIGINS };
        for part in origins.iter().take(shown) {
            line(&mut text, part, whole.bytes, 1);
        }
        rest(&mut text, &origins[shown.min(origins.len())..], 1);
    }
    // Writing to a string cannot fail.
    for (name, build) in &explanation.builds {
        let _ = writeln!(text, "\n{name}: {}, {} modules", build.go, build.modules.len());
    }
    for remark in &explanation.remarks {
        let _ = writeln!(text, "\nremark: {} ({})", remark.text, ByteSize(remark.bytes));
    }
    text
}

fn tree(text: &mut String, part: &Part, whole: u64, depth: usize, all: bool) {
    line(text, part, whole, depth);
    let large = |inner: &&Part| all || inner.bytes.saturating_mul(SMALL) >= whole;
    let shown = part.parts.iter().take(if all { usize::MAX } else { SHOWN }).take_while(large).count();
    for inner in &part.parts[..shown] {
        tree(text, inner, whole, depth + 1, all);
    }
    rest(text, &part.parts[shown..], depth + 1);
}

fn line(text: &mut String, part: &Part, whole: u64, depth: usize) {
    let version = part.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let how = known_by(part.how).map(|how| format!("  ({how})")).unwrap_or_default();
    let size = ByteSize(part.bytes);
    let _ = writeln!(
        text,
        "{:indent$}{size:>11} {:>6}  {}{version}{how}",
        "",
        percent(part.bytes, whole),
        named(part.kind, &part.name),
        indent = depth * 2
    );
}

/// The line for the parts that are too small to be shown one by one.
fn rest(text: &mut String, parts: &[Part], depth: usize) {
    if !parts.is_empty() {
        let bytes = ByteSize(parts.iter().map(|part| part.bytes).sum());
        let _ = writeln!(text, "{:indent$}{bytes:>11}         {} more", "", parts.len(), indent = depth * 2);
    }
}

/// What the bytes of a part are known by, where they were not just counted.
pub(super) fn known_by(how: How) -> Option<&'static str> {
    match how {
        How::Exact => None,
        How::Pclntab => Some("pclntab"),
        How::Symbols => Some("symbols"),
        How::Sections => Some("sections"),
    }
}

/// The kind and the name, once where they are the same.
pub(super) fn named(kind: Kind, name: &str) -> String {
    let kind = word(kind);
    if kind == name { name.to_owned() } else { format!("{kind} {name}") }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "image",
        Kind::Base => "base",
        Kind::Own => "own",
        Kind::Layer => "layer",
        Kind::Archive => "archive",
        Kind::File => "file",
        Kind::Section => "section",
        Kind::Headers => "headers",
        Kind::Module => "module",
        Kind::Package => "package",
        Kind::Crate => "crate",
        Kind::Native => "native code",
        Kind::Embed => "embed",
        Kind::Padding => "padding",
        Kind::Unattributed => "unattributed",
    }
}

pub(super) fn percent(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// The sentence for a difference as a whole: how it is divided into the base's, the toolchain's and the rest, and what
/// differs beside the sources. Nothing where there is nothing to divide.
pub fn in_the_large(change: &Change, split: &Split, grounds: &[String]) -> Option<String> {
    let has_layers = change.kind == Kind::Image;
    if !change.is_change() || !has_layers && split.toolchain.is_none() && grounds.is_empty() {
        return None;
    }
    let mut words = Vec::new();
    words.extend(has_layers.then(|| format!("base {}", signed(split.base))));
    words.extend(split.toolchain.zip(split.toolchain_how).map(|(toolchain, how)| {
        let how = known_by(how).map(|how| format!(" ({how})")).unwrap_or_default();
        format!("toolchain {}{how}", signed(toolchain))
    }));
    let rest = if split.toolchain.is_some() { "own" } else { "own and toolchain" };
    words.push(format!("{rest} {}", signed(split.own)));
    let grounds = if grounds.is_empty() { String::new() } else { format!("; {}", grounds.join(", ")) };
    Some(words.join(", ") + &grounds)
}

/// What changed, as a tree; and over all files, by module and crate. `all` leaves nothing out.
pub fn changes(change: &Change, origins: &Change, in_the_large: &Option<String>, all: bool) -> String {
    let mut text = String::new();
    if !change.is_change() {
        let _ = writeln!(text, "the same: {}", ByteSize(change.after));
        return text;
    }
    text.extend(in_the_large.iter().map(|sentence| format!("{sentence}\n\n")));
    change_tree(&mut text, change, change.weight() / u128::from(SMALL), 0, all);
    if !origins.changes.is_empty() {
        text.push_str("\nby module and crate, over all sections\n");
        let shown = if all { origins.changes.len() } else { ORIGINS };
        for change in origins.changes.iter().take(shown) {
            change_line(&mut text, change, 1);
        }
        change_rest(&mut text, &origins.changes[shown.min(origins.changes.len())..], 1);
    }
    text
}

/// What brings in the modules and crates that grew.
pub fn imports(imports: &BTreeMap<String, Option<String>>) -> String {
    if imports.is_empty() {
        return String::new();
    }
    let mut text = "\nwhat brings in what grew, as the sources are now\n".to_owned();
    // Writing to a string cannot fail.
    for (module, way) in imports.iter().filter_map(|(module, way)| Some((module, way.as_ref()?))) {
        let _ = writeln!(text, "  {module}: {way}");
    }
    let others: Vec<_> = imports.iter().filter(|(_, way)| way.is_none()).map(|(module, _)| module.as_str()).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "  only other modules: {}", others.join(", "));
    }
    text
}

fn change_tree(text: &mut String, change: &Change, least: u128, depth: usize, all: bool) {
    change_line(text, change, depth);
    let large = |inner: &&Change| all || inner.weight() >= least;
    let shown = change.changes.iter().take(if all { usize::MAX } else { SHOWN }).take_while(large).count();
    for inner in &change.changes[..shown] {
        change_tree(text, inner, least, depth + 1, all);
    }
    change_rest(text, &change.changes[shown..], depth + 1);
}

fn change_line(text: &mut String, change: &Change, depth: usize) {
    let versions = match (&change.version_before, &change.version_after) {
        (Some(before), Some(after)) if before != after => format!(" {before} → {after}"),
        (Some(before), None) => format!(" {before}"),
        (_, Some(after)) => format!(" {after}"),
        (None, None) => String::new(),
    };
    let what = match (change.before, change.after) {
        (0, after) if after > 0 => ", new".to_owned(),
        (_, 0) => ", gone".to_owned(),
        (before, after) => {
            let (before, after) = pair(ByteSize(before), ByteSize(after));
            format!(": {before} → {after}")
        }
    };
    let difference = signed(change.difference());
    let _ = writeln!(
        text,
        "{:indent$}{difference:>12}  {}{versions}{what}",
        "",
        named(change.kind, &change.name),
        indent = depth * 2
    );
}

fn change_rest(text: &mut String, changes: &[Change], depth: usize) {
    if !changes.is_empty() {
        let difference = signed(changes.iter().map(Change::difference).sum());
        let _ = writeln!(text, "{:indent$}{difference:>12}  {} more", "", changes.len(), indent = depth * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::compare;

    #[test]
    fn two_sizes_are_told_apart_and_a_difference_is_divided() {
        let part = |bytes| Part::leaf(Kind::Image, "worker linux/amd64", bytes, How::Exact);
        let (change, none) = (compare(&part(4_340_000), &part(4_340_392)), compare(&part(1), &part(1)));
        let split = |toolchain: Option<i128>| Split {
            base: 0,
            toolchain,
            toolchain_how: toolchain.map(|_| How::Pclntab),
            own: 392 - toolchain.unwrap_or_default(),
        };
        let sentence = in_the_large(&change, &split(Some(400)), &["compiler go1.27 instead of go1.26".into()]);
        let expected = "base 0 B, toolchain +400 B (pclntab), own -8 B; compiler go1.27 instead of go1.26\n\n      +392 B  \
                        image worker linux/amd64: 4.3400 MB → 4.3404 MB\n";
        assert_eq!(changes(&change, &none, &sentence, false), expected);
        let unknown = in_the_large(&change, &split(None), &[]);
        assert_eq!(unknown.as_deref(), Some("base 0 B, own and toolchain +392 B"));
        assert_eq!(in_the_large(&none, &split(None), &[]), None, "nothing changed");
        let file = Change { kind: Kind::File, ..change };
        assert_eq!(in_the_large(&file, &split(None), &[]), None, "nothing is divided");
    }

    #[test]
    fn a_kind_and_a_name_that_are_the_same_are_said_once() {
        assert_eq!(named(Kind::Native, "native code"), "native code");
        assert_eq!(named(Kind::Crate, "core"), "crate core");
    }

    #[test]
    fn what_only_other_modules_import_is_one_line() {
        let way = |module: &str, way: Option<&str>| (module.to_owned(), way.map(str::to_owned));
        let ways = [way("a.b/c", None), way("a.b/d", Some("x imports a.b/d")), way("a.b/e", None)];
        let expected = "\nwhat brings in what grew, as the sources are now\n  a.b/d: x imports a.b/d\n  \
                        only other modules: a.b/c, a.b/e\n";
        assert_eq!(imports(&ways.into()), expected);
        assert_eq!(imports(&BTreeMap::new()), "");
    }
}
