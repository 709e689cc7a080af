//! The sizes of what was built: from an earlier run where the image is the same, else by reading it.

use anyhow::Result;
use xshell::{Shell, cmd};

use super::Run;
use crate::commands::state::State;
use crate::engine::{BuildFailure, BuiltImage, Destination};
use crate::error::Error;
use crate::fit::{self, Misfit};
use crate::measure::{self, How, ImageSize, LayerCache, Measured};
use crate::oci::document::Platform;
use crate::process::Command;

/// The sizes of an image, one for each platform, and the key by which a later run finds them.
pub(super) fn sizes(
    run: &Run,
    built: &BuiltImage,
    destination: &Destination,
    state: &mut State,
) -> Result<(String, Vec<ImageSize>)> {
    let own_layers = run.images.iter().find(|image| image.name == built.name).map_or(0, |image| image.own_layers());
    let store = if *destination == Destination::Load { "engine" } else { "layout" };
    let key = format!("{store} {} {own_layers} {}", built.digest, built.name);
    if let Some(known) = state.sizes.get(&key) {
        return Ok((key, known.clone()));
    }
    if run.builder.is_some() {
        // The native engine checks what it makes by itself; of what a builder makes, the layers tell whether it starts.
        state.layers.forget_unread();
    }
    let sizes = match destination {
        Destination::Layouts(folder) => {
            measure::oci_layout(&built.name, &folder.join(&built.name), own_layers, &mut state.layers)?
        }
        Destination::Load | Destination::Registry | Destination::Symbols(_) => {
            let shell = Shell::new()?;
            let reference = built.references.first().unwrap_or(&built.digest);
            let save = Command::from(cmd!(shell, "docker image save {reference}"));
            let size =
                save.pipe(|archive| measure::docker_archive(&built.name, archive, own_layers, &mut state.layers))?;
            check_is_built(built, reference, &size)?;
            vec![size]
        }
    };
    Ok((key, sizes))
}

/// Why the binaries of a measured image that a builder made would not start.
pub(super) fn misfit(run: &Run, built: &BuiltImage, sizes: &[ImageSize], layers: &LayerCache) -> Option<BuildFailure> {
    // The native engine made no image of what would not start.
    run.builder.as_ref()?;
    let plan = run.images.iter().find(|image| image.name == built.name)?;
    let check = |size: &ImageSize| {
        let architecture = Platform::parse(&size.platform).architecture;
        fit::check_image(&layers.contents(size), &plan.container.bins, &plan.base, &architecture)
    };
    Misfit::into_failure(sizes.iter().flat_map(check).collect(), &built.name, &plan.base)
}

/// A tag names whatever was loaded last, and another run may have been faster.
fn check_is_built(built: &BuiltImage, reference: &str, size: &ImageSize) -> Result<()> {
    if built.config_digest.as_ref().is_none_or(|digest| *digest == size.config_digest) {
        return Ok(());
    }
    Err(Error::failure(format!("{reference} is not the image that was built: another build has taken its tag"))
        .hint("repeat the command, or give one of the builds another --tag")
        .into())
}

/// The key of an image's size in the last run on the same base.
pub(super) fn last_key(size: &ImageSize, base: &str) -> String {
    format!("{} {} {base}", size.name, size.platform)
}

/// Replaces the estimated transfer by what the registry says of the pushed image.
pub(super) fn read_registry(size: &mut ImageSize, pushed: &BuiltImage) -> Result<()> {
    let is_one_image = size.digest.is_none();
    size.digest.get_or_insert_with(|| pushed.digest.clone());
    let Some((repository, _)) = pushed.references.first().and_then(|reference| reference.rsplit_once(':')) else {
        return Ok(());
    };
    let digest = if is_one_image { &pushed.digest } else { size.digest.as_ref().unwrap_or(&pushed.digest) };
    let reference = format!("{repository}@{digest}");
    let shell = Shell::new()?;
    let output = Command::from(cmd!(shell, "docker buildx imagetools inspect --raw {reference}")).output()?;
    // Pushed it is; that the registry cannot be asked only leaves the number an estimate.
    let read = output.status.success().then(|| measure::registry_transfer(&output.stdout).ok()).flatten();
    if let Some((bytes, compressor)) = read {
        size.transfer = Measured { bytes, how: How::Registry };
        size.compressor = compressor;
    }
    Ok(())
}
