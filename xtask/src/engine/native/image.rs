//! From a plan, a base and compiled binaries to an image.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::Target;
use super::base::{Base, missing_folders};
use crate::error::Error;
use crate::files;
use crate::files::tree::{Kind as InTree, Tree};
use crate::fit::{self, Misfit};
use crate::measure::{KnownLayer, LayerCache};
use crate::oci::document::{Descriptor, Empty, Healthcheck, ImageConfig};
use crate::oci::layer::{Entry, Kind, Layer, inside};
use crate::oci::layout::Writer;
use crate::plan::ImagePlan;

/// The numeric user of the images; the generated Dockerfiles have the same.
const NONROOT: &str = "65532:65532";

/// The layers above the base, each with what made it, in the order of the generated Dockerfiles: they are also the same
/// layers, byte for byte, as far as the binaries are.
pub(super) fn layers(
    root: &Utf8Path,
    target: &Target,
    base: &Base,
    binaries: &Utf8Path,
) -> Result<Vec<(Layer, String)>> {
    let container = &target.image.container;
    let mut made = BTreeSet::new();
    let mut layers = Vec::new();
    if let Some(workdir) = &container.workdir {
        let path = inside(Utf8Path::new(workdir));
        let mut folders = missing_folders(base, &made, &path);
        if !path.is_empty() && !base.contents.has(&path) {
            folders.push(path);
        }
        made.extend(folders.iter().cloned());
        layers.push((Layer::new(folders.into_iter().map(Entry::folder).collect()), format!("workdir {workdir}")));
    }
    for file in &container.files {
        let mut entries = Vec::new();
        let to = if file.to.ends_with('/') && !files::is_folder(&root.join(&file.from)) {
            format!("{}{}", file.to, Utf8Path::new(&file.from).file_name().unwrap_or_default())
        } else {
            file.to.clone()
        };
        collect(root, Utf8Path::new(&file.from), inside(Utf8Path::new(&to)), &mut entries)
            .with_context(|| format!("`files` of {}", target.image.name))?;
        let first = entries.first().map(|entry| entry.path.clone()).unwrap_or_default();
        let above = missing_folders(base, &made, &first);
        entries.retain(|entry| {
            entry.kind != Kind::Folder || !base.contents.has(&entry.path) && !made.contains(&entry.path)
        });
        entries.splice(0..0, above.into_iter().map(Entry::folder));
        made.extend(entries.iter().filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.path.clone()));
        layers.push((Layer::new(entries), format!("file {} {}", file.from, file.to)));
    }
    let mut entries = Vec::new();
    for bin in &container.bins {
        let path = binaries.join(target.image.compiled(bin));
        let length = files::length(&path).with_context(|| format!("the compiler left no {path}"))?;
        entries.push(Entry::new(bin.clone(), Kind::File(path, length), 0o755));
    }
    layers.push((Layer::new(entries), format!("binaries {}", container.bins.join(" "))));
    Ok(layers)
}

/// Adds a file or folder of the repository, with what is in it. Permissions are those that git knows.
fn collect(root: &Utf8Path, from: &Utf8Path, to: String, entries: &mut Vec<Entry>) -> Result<()> {
    let path = root.join(from);
    if let Some(length) = files::length(&path) {
        let mode = if files::is_executable(&path)? { 0o755 } else { 0o644 };
        entries.push(Entry::new(to, Kind::File(path, length), mode));
        return Ok(());
    }
    if !files::is_folder(&path) {
        return Err(Error::usage(format!("there is no {from}")).hint("`from` starts at the service's folder").into());
    }
    if !to.is_empty() {
        entries.push(Entry::folder(to.clone()));
    }
    let tree = Tree::new(path);
    for entry in tree.entries(Utf8Path::new(""))?.iter() {
        let inner = if to.is_empty() { entry.name.clone() } else { format!("{to}/{}", entry.name) };
        match entry.kind {
            InTree::LinkToFile | InTree::LinkToFolder | InTree::Other => {
                let target = files::link_target(&root.join(from).join(&entry.name))?;
                entries.push(Entry::new(inner, Kind::Link(target.into_string()), 0o777));
            }
            InTree::File | InTree::Folder => collect(root, &from.join(&entry.name), inner, entries)?,
        }
    }
    Ok(())
}

/// Why binaries would not start on their base.
pub(super) fn misfits(target: &Target, base: &Base, binaries: &Utf8Path) -> Result<Vec<Misfit>> {
    let mut misfits = Vec::new();
    for bin in &target.image.container.bins {
        let path = binaries.join(target.image.compiled(bin));
        let bytes = files::read_if_exists(&path)?.with_context(|| format!("the compiler left no {path}"))?;
        // Of what cannot be read nothing is known, and nothing is held against it.
        let program = fit::parse(&bytes).ok().flatten().unwrap_or_default();
        let architecture = &target.platform.architecture;
        let base_name = &target.image.native_base;
        misfits.extend(fit::check(&format!("/{bin}"), &program, &base.contents, base_name, architecture));
    }
    Ok(misfits)
}

/// Writes the image of one target. Returns what names it, and the digest of its configuration.
pub(super) fn write(
    writer: &mut Writer,
    root: &Utf8Path,
    target: &Target,
    base: &Base,
    binaries: &Utf8Path,
    cache: &Mutex<&mut LayerCache>,
) -> Result<(Descriptor, String)> {
    let mut config = configure(target.image, base);
    let mut descriptors = base.add_layers(writer)?;
    for (layer, created_by) in layers(root, target, base, binaries)? {
        let diff_id = layer.diff_id()?;
        let descriptor = writer.layer(&layer, &diff_id)?;
        // Measured as it was made: it need not be read again.
        let known = KnownLayer { layer: layer.measured(descriptor.size), contents: None };
        cache.lock().unwrap_or_else(PoisonError::into_inner).0.insert(diff_id.clone(), known);
        descriptors.push(descriptor);
        config.push_layer(diff_id, created_by);
    }
    writer.image(&config, descriptors)
}

/// The base's configuration, with what the plan says.
fn configure(image: &ImagePlan, base: &Base) -> ImageConfig {
    let plan = &image.container;
    let mut config = base.config.clone();
    let container = &mut config.config;
    container.user = NONROOT.to_owned();
    container.entrypoint = Some(plan.entrypoint.clone());
    container.cmd = Some(plan.args.clone()).filter(|args| !args.is_empty());
    container.healthcheck = plan
        .healthcheck
        .as_ref()
        .map(|command| Healthcheck { test: ["CMD".to_owned()].into_iter().chain(command.iter().cloned()).collect() });
    for (name, value) in &plan.env {
        container.env.retain(|variable| variable.split('=').next() != Some(name));
        container.env.push(format!("{name}={value}"));
    }
    container.exposed_ports.extend(plan.ports.iter().flat_map(|port| ports(port)).map(|port| (port, Empty {})));
    if let Some(workdir) = &plan.workdir {
        container.working_dir = workdir.clone();
    }
    let labels = [("title", &image.name), ("base.name", &image.native_base)];
    let labels = labels.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.clone()));
    // As a Dockerfile's final stage leaves them: they tell the base's layers from the image's own.
    labels.iter().for_each(|(name, value)| config.push_instruction(format!("LABEL {name}={value}")));
    config.config.labels.extend(labels);
    config
}

/// Each port of `8080`, `53/udp` or `8000-8010/tcp`, with its protocol.
fn ports(text: &str) -> Vec<String> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    // The settings have checked that they are numbers.
    let (first, last): (u16, u16) = (first.parse().unwrap_or_default(), last.parse().unwrap_or_default());
    (first..=last).map(|port| format!("{port}/{protocol}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_range_has_its_protocol() {
        assert_eq!(ports("8080"), ["8080/tcp"]);
        assert_eq!(ports("8000-8002/udp"), ["8000/udp", "8001/udp", "8002/udp"]);
    }
}
