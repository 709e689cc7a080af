//! `cargo xtask sizes diff`: what grew, what shrank, and why it is there.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{Copies, VERSION, explain, is_service, why};
use crate::budget::lock::SizesLock;
use crate::cli::Cli;
use crate::commands::judge::UPDATE;
use crate::commands::repository::Repository;
use crate::commands::{Answer, Console, html};
use crate::error::Error;
use crate::explain::{
    Change, Explanation, How, Kind, Part, Split, Toolchain, by_origin, compare, other_grounds, split,
};
use crate::files;
use crate::report::{self, Difference, Page, to_json};

#[derive(Serialize)]
struct Compared<'a> {
    version: u32,
    difference: i128,
    change: &'a Change,
    origins: &'a Change,
    /// The difference divided into base, toolchain and own.
    split: Split,
    /// What differs beside the sources.
    other_grounds: &'a [String],
    /// By which imports the service comes to the modules that grew.
    imports: &'a BTreeMap<String, Option<String>>,
}

/// What to compare, and how to show it.
pub(super) struct Request<'a> {
    pub(super) before: &'a str,
    pub(super) after: &'a str,
    /// Copies of the binaries with symbols.
    pub(super) symbols: Option<&'a [Utf8PathBuf]>,
    pub(super) all: bool,
    pub(super) json: bool,
    pub(super) html: Option<&'a Utf8Path>,
}

pub(super) fn run(cli: &Cli, request: Request, console: &mut Console) -> Result<Answer> {
    let copies = Copies::find(cli, request.symbols, &[request.before, request.after], console)?;
    let (before, after) = both(cli, request.before, request.after, &copies.binaries, console)?;
    copies.check(before.iter().chain(&after), console)?;
    let (before, after) = same_platform(&before, &after, console)?;
    let change = compare(&before.whole, &after.whole);
    let origins = compare(&origins(&before.whole), &origins(&after.whole));
    let imports = imports(cli, request.after, after, &origins, console);
    let (from, to) = (&before.whole.name, &after.whole.name);
    let (split, grounds) = (split(before, after), other_grounds(before, after));
    let in_the_large = report::in_the_large(&change, &split, &grounds);
    let difference = Difference {
        before: from,
        after: to,
        change: &change,
        in_the_large: &in_the_large,
        origins: &origins,
        imports: &imports,
    };
    let page = Page { difference: Some(difference), ..Page::default() };
    let written = html::write_if_asked(request.html, &page, console);
    let stdout = if request.json {
        let difference = change.difference();
        to_json(&Compared {
            version: VERSION,
            difference,
            change: &change,
            origins: &origins,
            split,
            other_grounds: &grounds,
            imports: &imports,
        })
    } else {
        report::changes(&change, &origins, &in_the_large, request.all) + &report::imports(&imports)
    };
    Ok(Answer::yes(stdout).with_files(written, console))
}

/// By which imports a service comes to the modules that grew; nothing for what is no service.
fn imports(
    cli: &Cli,
    name: &str,
    after: &Explanation,
    origins: &Change,
    console: &mut Console,
) -> BTreeMap<String, Option<String>> {
    if !is_service(name) {
        return BTreeMap::new();
    }
    let repository = Repository::open(cli.directory.as_deref(), cli.config.as_deref());
    repository.and_then(|repository| why::ways(&repository, name, after, origins)).unwrap_or_else(|error| {
        console.say(format_args!("warning: what brings in what grew is not known: {error:#}"));
        BTreeMap::new()
    })
}

/// Explains two words. One may be a lock file: then it is what that says of the other's image.
fn both(
    cli: &Cli,
    before: &str,
    after: &str,
    copies: &[Vec<u8>],
    console: &mut Console,
) -> Result<(Vec<Explanation>, Vec<Explanation>)> {
    let of_lock = |path: &str, text: &str, images: &[Explanation]| {
        let lock = SizesLock::parse(text).map_err(|message| Error::usage(format!("{path}: {message}")))?;
        images.iter().map(|image| locked(path, &lock, image)).collect::<Result<Vec<_>>>()
    };
    match (lock_file(before)?, lock_file(after)?) {
        (None, None) => Ok((explain(cli, before, copies, console)?, explain(cli, after, copies, console)?)),
        (Some(text), None) => {
            let after = explain(cli, after, copies, console)?;
            Ok((of_lock(before, &text, &after)?, after))
        }
        (None, Some(text)) => {
            let before = explain(cli, before, copies, console)?;
            let after = of_lock(after, &text, &before)?;
            Ok((before, after))
        }
        (Some(_), Some(_)) => Err(Error::usage(format!("{before} and {after} are lock files: expected an image"))
            .hint("`cargo xtask sizes history NAME` shows how the lock changed")
            .into()),
    }
}

/// The text of a lock file, if that is what a word names.
fn lock_file(what: &str) -> Result<Option<String>> {
    let path = Utf8Path::new(what);
    if path.extension() != Some("lock") || files::is_folder(path) {
        return Ok(None);
    }
    Ok(files::read_text_if_exists(path)?.filter(|text| SizesLock::is_generated(text)))
}

/// What a lock file says of an image: the bytes of the base's layers and of its own.
fn locked(path: &str, lock: &SizesLock, image: &Explanation) -> Result<Explanation> {
    let platform = image.platform();
    let name = image.whole.name.strip_suffix(platform).unwrap_or_default().trim_end();
    let Some(locked) = lock.image(name, platform) else {
        let message = format!("{path} has no image `{name}` for {platform}");
        return Err(Error::usage(message).hint(format!("it has those that `{UPDATE}` wrote; name a service")).into());
    };
    let parts = [(Kind::Base, "base", locked.unpacked - locked.own), (Kind::Own, "own", locked.own)];
    let parts = parts.into_iter().filter(|(_, _, bytes)| *bytes > 0);
    let parts = parts.map(|(kind, name, bytes)| Part::leaf(kind, name, bytes, How::Exact)).collect();
    let whole = Part::sum(Kind::Image, format!("{name} {platform}"), How::Exact, parts);
    let toolchain = locked.toolchain_bytes.map(|bytes| Toolchain { bytes, how: How::Exact });
    let compilers = locked.compiler.iter().cloned().collect();
    Ok(Explanation { toolchain, compilers, ..Explanation::of_part(whole) })
}

/// The modules and crates of a tree as one part.
fn origins(whole: &Part) -> Part {
    Part::sum(whole.kind, &whole.name, whole.how, by_origin(whole))
}

/// The two to compare. Of several platforms, the first that both have.
fn same_platform<'a>(
    before: &'a [Explanation],
    after: &'a [Explanation],
    console: &mut Console,
) -> Result<(&'a Explanation, &'a Explanation)> {
    let pairs = before.iter().flat_map(|before| after.iter().map(move |after| (before, after)));
    let several = before.len() > 1 || after.len() > 1;
    let pair = pairs.clone().find(|(before, after)| !several || before.platform() == after.platform());
    let pair = pair
        .ok_or_else(|| Error::usage("the two have no platform in common").hint("build both for the same --platform"))?;
    if several {
        console.say(format_args!("compared for {}", pair.0.platform()));
    }
    Ok(pair)
}
