//! From plans to the text of the generated files. Pure.

mod bake;
mod dockerfile;
mod final_stage;
mod go;
mod ignore;
mod marker;
mod rust;
mod stages;

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::Settings;
use crate::files::tree::Below as _;
use crate::plan::{Build, DOCKER_FOLDER, ImagePlan};

pub(crate) use bake::EMBEDDED_LAYOUT;
pub use bake::{KeptTarget, bake_target};
pub(crate) use dockerfile::{LIMIT_SCRIPT, PROXY_VARIABLES};
pub(crate) use go::DOWNLOAD_VARIABLES;
pub(crate) use ignore::render as render_ignore;
pub use marker::{Origin, origin, source};
pub(crate) use rust::{SKELETON_SCRIPT, SYMBOLS};
pub use stages::{Stage, stages};

/// A file as it should stand on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedFile {
    /// From the repository's root.
    pub path: Utf8PathBuf,
    /// The whole text, lines ended by `\n`.
    pub contents: String,
}

impl GeneratedFile {
    /// A file with the given text below its marker. `source` is the folder that it was made from.
    pub fn new(path: Utf8PathBuf, source: &Utf8Path, body: &str) -> Self {
        Self { path, contents: marker::sign(source, body) }
    }
}

/// The path of the bake file, from the repository's root.
pub fn bake_file() -> Utf8PathBuf {
    Utf8Path::new(DOCKER_FOLDER).below("docker-bake.hcl")
}

/// What the bake file says where these images are the only ones.
pub fn bake_file_of(images: &[&ImagePlan], settings: &Settings) -> String {
    bake::render(images.iter().copied(), &[], settings)
}

/// The files in which a person adds to the bake file; merged last.
pub fn bake_overrides() -> [Utf8PathBuf; 2] {
    ["docker-bake.override.hcl", "docker-bake.override.json"].map(|name| Utf8Path::new(DOCKER_FOLDER).below(name))
}

/// Whether a file of this name may be one of ours.
pub fn may_be_generated(path: &Utf8Path) -> bool {
    ["Dockerfile", "dockerignore", "hcl", "sh", "gitattributes"]
        .iter()
        .any(|ending| path.as_str().ends_with(&format!(".{ending}")))
}

/// Every generated file of a repository, sorted by path. `images` are all images of the repository, and `kept` the bake
/// targets of those that cannot be planned.
pub fn render(images: &[ImagePlan], kept: &[KeptTarget], settings: &Settings) -> Vec<GeneratedFile> {
    let root = Utf8Path::new("");
    let mut files = vec![
        GeneratedFile::new(bake_file(), root, &bake::render(images.iter(), kept, settings)),
        // Shell scripts and checksums do not survive a checkout that turns line ends.
        GeneratedFile::new(Utf8Path::new(DOCKER_FOLDER).below(".gitattributes"), root, "* text eol=lf\n"),
    ];
    if !images.is_empty() {
        files.push(GeneratedFile::new(LIMIT_SCRIPT.into(), root, dockerfile::LIMIT));
    }
    if images.iter().any(|image| matches!(image.build, Build::Rust(_))) {
        files.push(GeneratedFile::new(SKELETON_SCRIPT.into(), root, rust::SKELETON));
    }
    for image in images {
        files.push(GeneratedFile::new(image.dockerfile(), &image.dir, &render_dockerfile(image)));
        files.push(GeneratedFile::new(ignore::path(image), &image.dir, &ignore::render(&image.context)));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn render_dockerfile(image: &ImagePlan) -> String {
    let mut dockerfile = dockerfile::Dockerfile::new();
    dockerfile.repository();
    match &image.build {
        Build::Go(build) => go::stages(&mut dockerfile, image, build),
        Build::Rust(build) => rust::stages(&mut dockerfile, image, build),
    }
    final_stage::render(&mut dockerfile, image);
    dockerfile.into_text()
}
