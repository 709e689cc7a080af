//! Whether what an earlier run built is still where that run put it.

use std::collections::HashMap;

use anyhow::Result;
use camino::Utf8Path;
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::BuiltImage;
use crate::oci::layout::Layout;
use crate::process::Command;

/// Whether an image of this digest is in the OCI layout in a folder, with all of its blobs.
pub fn in_layout(folder: &Utf8Path, digest: &str) -> bool {
    let layout = Layout::new(folder);
    let is_named = layout.index().is_ok_and(|index| index.manifests.iter().any(|image| image.digest == digest));
    is_named && layout.is_whole()
}

/// Those of the images that the Docker engine has, under each of their references; none where it does not answer.
///
/// # Errors
/// docker cannot be started.
pub fn in_engine(images: Vec<BuiltImage>) -> Result<Vec<BuiltImage>> {
    let references: Vec<_> = images.iter().flat_map(|image| &image.references).collect();
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let shell = Shell::new()?;
    let format = r#"{"id":{{json .Id}},"tags":{{json .RepoTags}}}"#;
    // It fails for those that are not there, and tells of the others.
    let output = Command::from(cmd!(shell, "docker image inspect --format {format} {references...}")).output()?;
    let tags = tags(&String::from_utf8_lossy(&output.stdout));
    let is_there = |image: &BuiltImage| {
        image.references.iter().all(|reference| {
            let id = tags.get(reference);
            // The identity is the configuration in one of the engine's stores, and the manifest in the other.
            id.is_some_and(|id| *id == image.digest || image.config_digest.as_ref() == Some(id))
        })
    };
    Ok(images.into_iter().filter(is_there).collect())
}

/// Whether the Docker engine has an image of that name.
///
/// # Errors
/// docker cannot be started.
pub fn has(reference: &str) -> Result<bool> {
    let shell = Shell::new()?;
    let output = Command::from(cmd!(shell, "docker image inspect {reference}")).output()?;
    Ok(output.status.success())
}

/// The identity of the image that each tag names, by a line for each image.
fn tags(lines: &str) -> HashMap<String, String> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
        #[serde(default)]
        tags: Option<Vec<String>>,
    }
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.flat_map(|line| line.tags.unwrap_or_default().into_iter().map(move |tag| (tag, line.id.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_has_its_image() {
        let lines = "{\"id\":\"sha256:a\",\"tags\":[\"worker:latest\",\"worker:v1\"]}\n{\"id\":\"sha256:b\",\"tags\":null}\nError\n";
        let tags = tags(lines);
        assert_eq!(tags.len(), 2);
        assert_eq!(tags.get("worker:v1").map(String::as_str), Some("sha256:a"));
    }

    #[test]
    fn a_layout_holds_an_image_as_long_as_all_its_blobs_are_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        assert!(!in_layout(folder, "sha256:a"));
        let digest = crate::oci::layout::tests::write(folder, "binary");
        assert!(in_layout(folder, &digest));
        assert!(!in_layout(folder, "sha256:a"));
        let blobs = Layout::new(folder).blobs().expect("lists");
        for blob in blobs {
            let path = folder.join("blobs/sha256").join(blob);
            let bytes = std::fs::read(&path).expect("reads");
            std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
            assert!(!in_layout(folder, &digest), "half of {path}");
            std::fs::write(&path, bytes).expect("writes");
        }
        assert!(in_layout(folder, &digest));
    }
}
