//! The files that a build reads and that no pattern by package folder names: headers and libraries from elsewhere in the
//! repository, and what symbolic links lead to.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::cgo;
use super::folder::Kind;
use super::package::Package;
use super::platforms::{Mask, Platforms};
use crate::error::Error;
use crate::files::tree::Tree;

/// Those of a package, each with the reason.
pub(super) fn of(
    tree: &Tree,
    package: &Package,
    platforms: &Platforms,
    mask: Mask,
) -> Result<Vec<(Utf8PathBuf, String)>> {
    let mut named = Vec::new();
    // Only C and assembly include files; most packages have neither.
    let has_c =
        package.cgo & mask != 0 || package.built(mask).any(|source| !matches!(source.kind, Kind::Go | Kind::Object));
    if has_c {
        for (file, asker) in cgo::reached(tree, package, platforms, mask)? {
            named.extend(links(tree, &file)?);
            named.push((file, format!("{asker} includes or links it")));
        }
    }
    let is_linked = tree.passes_link(&package.folder.dir)?;
    for source in package.built(mask).filter(|source| is_linked || source.is_link) {
        named.extend(links(tree, &package.folder.path(source))?);
    }
    Ok(named)
}

/// The links that lead to a file, and the file that they lead to; none where there is no link.
pub(super) fn links(tree: &Tree, file: &Utf8Path) -> Result<Vec<(Utf8PathBuf, String)>> {
    let Some(steps) = tree.follow(file)? else {
        let error = Error::usage(format!("{file} is a link that leads outside the repository"));
        return Err(error.hint("the builder sees the repository alone: copy what it leads to into it").into());
    };
    let steps = steps.into_iter().filter(|step| step != file);
    Ok(steps.map(|step| (step, format!("{file} leads there by a link"))).collect())
}
