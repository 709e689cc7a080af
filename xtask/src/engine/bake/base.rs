//! The base that is in no registry, for a builder to take: from a layout, or where the Docker engine's own builder builds,
//! which may know none, from the engine's images.

use std::collections::BTreeMap;

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

/// Puts the base where the builder finds it. Returns what the bake file is to name instead of the layout, by target.
///
/// # Errors
/// The base cannot be written, or the engine does not answer.
pub(super) fn provide(bake: &Bake, images: &[&ImagePlan]) -> Result<BTreeMap<String, String>> {
    let images: Vec<_> = images.iter().filter(|image| image.base == EMBEDDED_BASE).collect();
    if images.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked = &bake.request.platforms;
    let all = images.iter().flat_map(|image| &image.platforms).chain(asked);
    native::write_embedded(&bake.root.join(render::EMBEDDED_LAYOUT), all.map(String::as_str))?;
    let Some(own) = bake.engine_platform else { return Ok(BTreeMap::new()) };
    let mut loaded: BTreeMap<&str, String> = BTreeMap::new();
    let mut instead = BTreeMap::new();
    for image in images {
        // This builder has one at a time.
        let platform = asked.first().or(image.platforms.first()).map_or(own, String::as_str);
        if !loaded.contains_key(platform) {
            loaded.insert(platform, load(&Platform::parse(platform), bake.work)?);
        }
        instead.extend(loaded.get(platform).map(|name| (image.target(), format!("docker-image://{name}"))));
    }
    Ok(instead)
}

/// Loads it into the engine, unless it is there. The name tells what is in it.
fn load(platform: &Platform, work: &Utf8Path) -> Result<String> {
    let folder = work.join("engine-base");
    let name = platform.to_string().replace('/', "-");
    let digest = native::write_embedded_for(&folder.join(&name), platform)?;
    let reference = format!("{NAME}:{name}-{}", oci::shorten(&digest));
    let base = BuiltImage { name, references: vec![reference.clone()], digest, config_digest: None };
    if !present::has(&reference)? {
        archive::load(&[base], &folder, work)?;
    }
    Ok(reference)
}
