//! What only a Dockerfile can do: refused by the name of its key, before anything is compiled.

use anyhow::Result;
use camino::Utf8PathBuf;

use super::base;
use super::compile::no_c_compiler;
use crate::error::Error;
use crate::oci::compression::Compression;
use crate::oci::document::Platform;
use crate::plan::{Build, EMBEDDED_BASE, ImagePlan};
use crate::process::is_on_path;

/// Checks that nothing speaks to buildx alone. `overrides` are the bake file's override files that are there.
///
/// # Errors
/// One of them is.
pub fn check_overrides(overrides: &[Utf8PathBuf]) -> Result<()> {
    let Some(file) = overrides.first() else { return Ok(()) };
    Err(Error::usage(format!("{file} speaks to buildx, and not to the native engine"))
        .hint("--engine bake, or move what it says into the services' settings")
        .into())
}

/// Checks that the native engine can make an image: that it asks for nothing that only a Dockerfile can do, and that its
/// compilers are on this machine, and what compresses it. `platforms` are those that it is built for.
///
/// # Errors
/// The key by which it asks for more, or the program that is missing.
pub fn check(image: &ImagePlan, platforms: &[String]) -> Result<()> {
    check_image(image)
        .and_then(|()| check_c(image, platforms, is_on_path))
        .map_err(|error| anyhow::Error::new(error).context("cannot be built by the native engine"))?;
    let compilers = match image.build {
        Build::Go(_) => ["go"].as_slice(),
        Build::Rust(_) => &["cargo", "rustc"],
    };
    let zstd = (image.compression == Some(Compression::Zstd)).then_some(&"zstd");
    match compilers.iter().chain(zstd).find(|program| !is_on_path(program)) {
        Some(missing) => Err(Error::failure(format!("the native engine needs {missing}, which is not on PATH"))
            .hint(format!("install {missing}, or Docker with buildx; `cargo xtask doctor` shows what is there"))
            .into()),
        None => Ok(()),
    }
}

/// Checks that C can be compiled for other platforms, where an image has some, before anything is compiled.
///
/// # Errors
/// No compiler of C is known for one of them, or it is not there.
pub fn check_c(image: &ImagePlan, platforms: &[String], is_there: impl Fn(&str) -> bool) -> Result<(), Error> {
    let is_c = matches!(&image.build, Build::Go(build) if build.cgo);
    let mut missing = platforms.iter().filter_map(|name| no_c_compiler(&Platform::parse(name), &is_there));
    missing.next().filter(|_| is_c).map_or(Ok(()), Err)
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
