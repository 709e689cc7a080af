//! What only a Dockerfile can do: refused by the name of its key, before anything is compiled.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::base;
use crate::error::Error;
use crate::oci::compression::Compression;
use crate::plan::{Build, EMBEDDED_BASE, ImagePlan};
use crate::process::is_on_path;

/// Checks that the native engine can make these images. `overrides` are the bake file's override files that are there.
///
/// # Errors
/// The first image that asks for what only a Dockerfile can do, and the key by which it does.
pub fn check(images: &[ImagePlan], overrides: &[Utf8PathBuf]) -> Result<()> {
    if let Some(file) = overrides.first() {
        return Err(Error::usage(format!("{file} speaks to buildx, and not to the native engine"))
            .hint("--engine bake, or move what it says into the services' settings")
            .into());
    }
    images.iter().try_for_each(|image| {
        check_image(image).map_err(|error| {
            anyhow::Error::new(error).context(format!("{} cannot be built by the native engine", image.name))
        })
    })
}

/// Checks that the compilers of these images are on this machine, and what compresses them.
///
/// # Errors
/// The first one that is not.
pub fn check_compilers(images: &[ImagePlan]) -> Result<()> {
    for (is_used, programs) in [
        (images.iter().any(|image| matches!(image.build, Build::Go(_))), ["go"].as_slice()),
        (images.iter().any(|image| matches!(image.build, Build::Rust(_))), &["cargo", "rustc"]),
        (images.iter().any(|image| image.compression == Some(Compression::Zstd)), &["zstd"]),
    ] {
        if let Some(missing) = programs.iter().find(|program| is_used && !is_on_path(program)) {
            return Err(Error::failure(format!("the native engine needs {missing}, which is not on PATH"))
                .hint(format!("install {missing}, or Docker with buildx; `cargo xtask doctor` shows what is there"))
                .into());
        }
    }
    Ok(())
}

fn check_image(image: &ImagePlan) -> Result<(), Error> {
    let refuse = |problem: String, hint: &str| Err(Error::usage(problem).hint(hint));
    if let Some(package) = image.packages.first() {
        let problem =
            format!("`packages` installs Debian packages into a build stage, as `{package}`, and there is none");
        return refuse(problem, "--engine bake; or install them on this machine and remove the key");
    }
    if let Some(from) = image.container.files.iter().find_map(|file| file.image.as_ref()) {
        return refuse(
            format!("`files` takes a file from the image {from}"),
            "--engine bake; or keep the file in the repository",
        );
    }
    if let Some(secret) = image.secrets.iter().find(|secret| *secret != "netrc") {
        return refuse(format!("`secrets` mounts `{secret}` into a build stage, and there is none"), "--engine bake");
    }
    if image.builder_is_chosen {
        return refuse(
            format!("`builder` is the image to build in, here {}", image.builder),
            "--engine bake; or remove the key",
        );
    }
    if let Build::Go(build) = &image.build
        && build.cgo
        && image.native_base == EMBEDDED_BASE
    {
        return refuse(
            "`cgo` needs a base that has libc, and `embedded` has none".to_owned(),
            "set `base` to an image that has it; or --engine bake",
        );
    }
    base::check_name(&image.native_base)
}
