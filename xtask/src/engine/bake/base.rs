//! The base that is in no registry, for a builder to take: from a layout, or where the Docker engine's own builder builds,
//! which may know none, from the engine's images.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use camino::Utf8Path;

use super::Bake;
use crate::engine::{BuiltImage, archive, native, present};
use crate::oci;
use crate::oci::document::Platform;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::render;

/// Its name in an engine. No host has that name, so no registry is asked for it.
const NAME: &str = "xtask.invalid/embedded";

/// Puts the base where the builder finds it, and returns [what it is to take](instead).
///
/// # Errors
/// The base cannot be written, or the engine does not answer.
pub(super) fn provide(bake: &Bake, images: &[&ImagePlan]) -> Result<BTreeMap<String, String>> {
    if !images.iter().any(|image| image.base == EMBEDDED_BASE) {
        return Ok(BTreeMap::new());
    }
    let all = images.iter().flat_map(|image| &image.platforms).chain(&bake.request.platforms);
    native::write_embedded(&bake.root.join(render::EMBEDDED_LAYOUT), all.map(String::as_str))?;
    let names = names(bake, images)?;
    names.iter().try_for_each(|(platform, reference)| load(platform, reference, bake.work))?;
    Ok(by_target(bake, images, &names))
}

/// What is to be taken instead of the layout that the bake file names, by target: by the engine's own builder an image.
///
/// # Errors
/// The base cannot be put together.
pub(super) fn instead(bake: &Bake, images: &[&ImagePlan]) -> Result<BTreeMap<String, String>> {
    Ok(by_target(bake, images, &names(bake, images)?))
}

fn by_target(bake: &Bake, images: &[&ImagePlan], names: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let image = |image: &&ImagePlan| {
        let reference = names.get(platform(bake, image)?).filter(|_| image.base == EMBEDDED_BASE)?;
        Some((image.target(), format!("docker-image://{reference}")))
    };
    images.iter().filter_map(image).collect()
}

/// The names that the base has in the engine, by platform. They tell what is in it.
fn names<'a>(bake: &Bake<'a>, images: &[&'a ImagePlan]) -> Result<BTreeMap<&'a str, String>> {
    let on_it = images.iter().filter(|image| image.base == EMBEDDED_BASE);
    let platforms: BTreeSet<_> = on_it.filter_map(|image| platform(bake, image)).collect();
    let named = platforms.into_iter().map(|platform| {
        let digest = oci::shorten(&native::embedded_digest(&Platform::parse(platform))?);
        Ok((platform, format!("{NAME}:{}-{digest}", platform.replace('/', "-"))))
    });
    named.collect()
}

/// The platform that the engine's own builder builds an image for: it has one at a time.
fn platform<'a>(bake: &Bake<'a>, image: &'a ImagePlan) -> Option<&'a str> {
    let own = bake.engine_platform?;
    Some(bake.request.platforms.first().or(image.platforms.first()).map_or(own, String::as_str))
}

/// Loads it into the engine, unless it is there.
fn load(platform: &str, reference: &str, work: &Utf8Path) -> Result<()> {
    if present::has(reference)? {
        return Ok(());
    }
    let (folder, name) = (work.join("engine-base"), platform.replace('/', "-"));
    let digest = native::write_embedded_for(&folder.join(&name), &Platform::parse(platform))?;
    let base = BuiltImage { name, references: vec![reference.to_owned()], digest, config_digest: None };
    archive::load(&[base], &folder, work)
}
