//! The report as one HTML page that needs nothing else: no network, no other file, and for reading no script.

mod squarify;
mod tables;
mod treemap;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use crate::budget::history::History;
use crate::explain::{Change, Explanation, by_origin};

/// What a page shows; what is empty is left out.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// The sizes of images against their budgets.
    pub report: Option<&'a Report>,
    /// What images or files are made of.
    pub explanations: &'a [Explanation],
    /// What changed from one to another.
    pub difference: Option<Difference<'a>>,
    /// What the lock file said from commit to commit.
    pub histories: &'a [History],
}

/// What changed from one image or file to another.
#[derive(Debug, Clone, Copy)]
pub struct Difference<'a> {
    /// The name of the one before.
    pub before: &'a str,
    /// The name of the one after.
    pub after: &'a str,
    /// The change of the whole.
    pub change: &'a Change,
    /// The sentence for it, by [`super::in_the_large`].
    pub in_the_large: &'a Option<String>,
    /// The changes of its modules and crates over all files.
    pub origins: &'a Change,
    /// By which imports a service comes to the modules that grew, by their names.
    pub imports: &'a BTreeMap<String, Option<String>>,
}

const HELP: &str = "<p class=\"help\">The larger a box, the more bytes. Point at one, or move with the arrow keys: left and \
                    right beside, down into, up out of. A click or Enter looks closer, Escape steps back.</p>\n";

/// The page, with a final line end.
pub fn html(page: &Page) -> String {
    let title = title(page);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>{title}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n",
        include_str!("html/page.css")
    );
    if let Some(report) = page.report {
        html.push_str(&tables::report(report));
    }
    if let Some(difference) = &page.difference {
        html.push_str(&tables::change(difference.change));
        html.extend(difference.in_the_large.iter().map(|sentence| tables::sentence("", sentence)));
        let treemap = treemap::changes(difference.change);
        html.push_str(if treemap.is_empty() { "" } else { COLOURS });
        html.push_str(&section("", &treemap));
        html.push_str(&tables::changed_origins(&difference.origins.changes, difference.imports));
    }
    let is_of = |history: &History, name: &str| format!("{} {}", history.name, history.platform) == name;
    for explanation in page.explanations {
        let whole = &explanation.whole;
        // Of a whole that the page's title names, that is enough.
        let is_all = page.report.is_none() && page.explanations.len() == 1;
        html.push_str(&section(if is_all { "" } else { &whole.name }, &treemap::parts(whole)));
        html.push_str(&tables::origins(&by_origin(whole), whole.bytes));
        html.push_str(&tables::remarks(&explanation.remarks));
        page.histories
            .iter()
            .filter(|history| is_of(history, &whole.name))
            .for_each(|history| html.push_str(&tables::history(history)));
    }
    // Writing to a string cannot fail.
    let _ = write!(html, "<script>\n{}</script>\n</body>\n</html>\n", include_str!("html/page.js"));
    html
}

fn title(page: &Page) -> String {
    let title = match (page.report, page.difference, page.explanations) {
        (Some(report), ..) => format!("Images: {}", report.summary()),
        (None, Some(difference), _) => format!("What changed from {} to {}", difference.before, difference.after),
        (None, None, explanations) => {
            let names: Vec<_> = explanations.iter().map(|explanation| explanation.whole.name.as_str()).collect();
            format!("What {} is made of", names.join(" and "))
        }
    };
    escape(&title)
}

const COLOURS: &str =
    "<p class=\"help\"><span class=\"key grew\"></span> grew <span class=\"key shrank\"></span> shrank</p>\n";

/// A treemap with its heading; nothing where it is empty.
fn section(title: &str, treemap: &str) -> String {
    if treemap.is_empty() {
        return String::new();
    }
    let heading = if title.is_empty() { String::new() } else { format!("<h2>{}</h2>\n", escape(title)) };
    heading + HELP + treemap
}

/// A text that is no markup, in an element or in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Line ends in an attribute are kept, other control characters are no HTML.
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
