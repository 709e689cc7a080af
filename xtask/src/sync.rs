//! The generated files against the disk: what is stale, the difference, and writing it.
//!
//! Only files that this tool wrote, and that nobody edited since, are ever overwritten or deleted: each carries a
//! marker and the checksum of its text.

use std::collections::HashSet;
use std::fmt::Write as _;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use similar::TextDiff;

use crate::error::Error;
use crate::files;
use crate::files::tree::Below as _;
use crate::plan::DOCKER_FOLDER;
use crate::render::{self, GeneratedFile};

/// What has to happen for the disk to hold the generated files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the repository's root.
    pub path: Utf8PathBuf,
    /// The text on the disk; `None` where there is no file.
    pub old: Option<String>,
    /// The text that should be there; `None` where no file should be.
    pub new: Option<String>,
}

impl Change {
    /// `create`, `update` or `remove`.
    pub fn verb(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "create",
            (_, None) => "remove",
            _ => "update",
        }
    }

    /// The difference as a unified diff.
    pub fn diff(&self) -> String {
        let (old, new) = (self.old.as_deref().unwrap_or_default(), self.new.as_deref().unwrap_or_default());
        let name = |side: &str, text: &Option<String>| match text {
            Some(_) => format!("{side}/{}", self.path),
            None => "/dev/null".to_owned(),
        };
        TextDiff::from_lines(old, new)
            .unified_diff()
            .context_radius(3)
            .header(&name("a", &self.old), &name("b", &self.new))
            .to_string()
    }
}

/// Compares the generated files with the disk. `files` are all files that should be there; what else is in their
/// folder and carries the marker belongs to a service that is gone, or to one of those in the folders `broken`, which
/// cannot be planned: that stays.
///
/// # Errors
/// A file in the way that this tool did not write, or that was edited since.
pub fn compare(root: &Utf8Path, files: &[GeneratedFile], broken: &[&Utf8Path]) -> Result<Vec<Change>> {
    let folder = Utf8Path::new(DOCKER_FOLDER);
    if files::exists(&root.join(folder)) && !files::is_folder(&root.join(folder)) {
        return Err(Error::usage(format!("{folder} is in the way: the generated files go into a folder of that name"))
            .hint(format!("move {folder} elsewhere"))
            .into());
    }
    let (mut changes, mut foreign, mut edited) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        let old = read(root, &file.path)?;
        match old.as_ref().map(|text| render::origin(text)) {
            _ if old.as_ref() == Some(&file.contents) => continue,
            Some(render::Origin::Foreign) => foreign.push(file.path.as_str()),
            Some(render::Origin::Edited) => edited.push(file.path.as_str()),
            Some(render::Origin::Generated) | None => {}
        }
        changes.push(Change { path: file.path.clone(), old, new: Some(file.contents.clone()) });
    }
    refuse(&foreign, &edited)?;
    let wanted: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for name in files::file_names(&root.join(folder))? {
        let path = folder.below(name);
        if wanted.contains(path.as_str()) || !render::may_be_generated(&path) {
            continue;
        }
        if let Some(text) = read(root, &path)?
            && render::origin(&text) == render::Origin::Generated
            && !is_of_any(&path, &text, broken)
        {
            changes.push(Change { path, old: Some(text), new: None });
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// Whether a generated file was made from one of these folders, or from the repository for all services.
fn is_of_any(path: &Utf8Path, text: &str, folders: &[&Utf8Path]) -> bool {
    let source = render::source(text).unwrap_or(Utf8Path::new(""));
    folders.contains(&source) || !folders.is_empty() && !path.as_str().contains(".Dockerfile")
}

/// The names of the images whose committed Dockerfiles were made from one of these folders, sorted.
pub fn made_from(root: &Utf8Path, folders: &[&Utf8Path]) -> Result<Vec<String>> {
    let made = owners(root)?.into_iter().filter(|(_, source)| folders.contains(&source.as_path()));
    Ok(made.map(|(name, _)| name).collect())
}

/// The images whose Dockerfiles this tool wrote, sorted by name, each with the folder that it was made from.
pub fn owners(root: &Utf8Path) -> Result<Vec<(String, Utf8PathBuf)>> {
    let folder = Utf8Path::new(DOCKER_FOLDER);
    let mut owners = Vec::new();
    if !files::is_folder(&root.join(folder)) {
        return Ok(owners);
    }
    for file in files::file_names(&root.join(folder))? {
        let Some(name) = file.strip_suffix(".Dockerfile") else { continue };
        let text = read(root, &folder.below(&file))?.unwrap_or_default();
        owners.extend(render::source(&text).map(|source| (name.to_owned(), source.to_owned())));
    }
    owners.sort();
    Ok(owners)
}

/// Brings the disk to what the changes say.
pub fn apply(root: &Utf8Path, changes: &[Change]) -> Result<()> {
    // What a killed run was about to write; one that lives writes it again.
    files::remove_parts(&root.join(DOCKER_FOLDER), 0)?;
    for change in changes {
        let path = root.join(&change.path);
        match &change.new {
            Some(text) => files::write(&path, text.as_bytes())?,
            None => files::remove(&path)?,
        }
    }
    Ok(())
}

/// The diffs of all changes, one after the other.
pub fn diff(changes: &[Change]) -> String {
    changes.iter().fold(String::new(), |mut text, change| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", change.diff());
        text
    })
}

/// A generated file as it is compared: a checkout may have turned its line ends.
fn read(root: &Utf8Path, path: &Utf8Path) -> Result<Option<String>> {
    let absolute = root.join(path);
    if files::is_folder(&absolute) {
        // Like any text without a marker.
        return Ok(Some(String::new()));
    }
    // What is not UTF-8 is somebody else's, however it reads.
    let bytes = files::read_if_exists(&absolute)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n")))
}

/// Refuses to overwrite what is not ours, or not any more: all of it at once, as after a merge.
fn refuse(foreign: &[&str], edited: &[&str]) -> Result<()> {
    let one = |paths: &[&str]| paths.len() == 1;
    if !foreign.is_empty() {
        let (are, them) = if one(foreign) { ("is", "it") } else { ("are", "them") };
        let paths = foreign.join(", ");
        let is_a_services = |path: &&str| path.contains(".Dockerfile");
        let instead = if foreign.iter().any(is_a_services) {
            "or set `skip` for the service"
        } else {
            "what it says of bake belongs into docker/docker-bake.override.hcl"
        };
        return Err(Error::usage(format!("{paths} {are} in the way: this tool did not write {them}"))
            .hint(format!("move {them} elsewhere, {instead}"))
            .into());
    }
    if !edited.is_empty() {
        let were = if one(edited) { "was" } else { "were" };
        return Err(Error::usage(format!("{} {were} generated, and edited by hand since", edited.join(", ")))
            .hint(format!(
                "move the edit into the service's settings or docker/docker-bake.override.hcl, then `rm {}` and run \
                 `cargo xtask generate`",
                edited.join(" ")
            ))
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    fn repository() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("is UTF-8");
        (folder, root)
    }

    fn generated(name: &str, body: &str) -> GeneratedFile {
        GeneratedFile::new(Utf8Path::new(DOCKER_FOLDER).join(name), Utf8Path::new("cmd"), body)
    }

    #[test]
    fn what_is_written_is_unchanged_afterwards_also_with_turned_line_ends() {
        let (_folder, root) = repository();
        let files = [generated("a.Dockerfile", "FROM scratch\n")];
        let changes = compare(&root, &files, &[]).expect("compares");
        assert_eq!(changes[0].verb(), "create");
        apply(&root, &changes).expect("writes");
        assert_eq!(compare(&root, &files, &[]).expect("compares"), []);

        let path = root.join("docker/a.Dockerfile");
        let text = std::fs::read_to_string(&path).expect("reads").replace('\n', "\r\n");
        std::fs::write(&path, text).expect("writes");
        assert_eq!(compare(&root, &files, &[]).expect("compares"), []);
    }

    #[test]
    fn a_stale_file_is_updated_and_a_vanished_services_file_removed() {
        let (_folder, root) = repository();
        let before = [generated("a.Dockerfile", "FROM scratch\n"), generated("b.Dockerfile", "FROM scratch\n")];
        apply(&root, &compare(&root, &before, &[]).expect("compares")).expect("writes");
        std::fs::write(root.join("docker/mine.Dockerfile"), "FROM mine\n").expect("writes");

        let changes = compare(&root, &[generated("a.Dockerfile", "FROM base\n")], &[]).expect("compares");
        let verbs: Vec<_> = changes.iter().map(|change| (change.verb(), change.path.as_str())).collect();
        assert_eq!(verbs, [("update", "docker/a.Dockerfile"), ("remove", "docker/b.Dockerfile")]);
        assert!(diff(&changes).contains("-FROM scratch\n+FROM base\n"), "{}", diff(&changes));
        apply(&root, &changes).expect("writes");
        assert!(root.join("docker/mine.Dockerfile").exists());
        assert!(!root.join("docker/b.Dockerfile").exists());
    }

    #[test]
    fn a_persons_file_is_never_touched() {
        let (_folder, root) = repository();
        std::fs::create_dir(root.join("docker")).expect("creates");
        std::fs::write(root.join("docker/a.Dockerfile"), "FROM mine\n").expect("writes");
        let error = compare(&root, &[generated("a.Dockerfile", "FROM scratch\n")], &[]).expect_err("is in the way");
        assert_eq!(
            describe(&error),
            "error: docker/a.Dockerfile is in the way: this tool did not write it\n\
             hint: move it elsewhere, or set `skip` for the service"
        );
    }

    #[test]
    fn a_hand_edit_is_not_lost() {
        let (_folder, root) = repository();
        let files = [generated("a.Dockerfile", "FROM scratch\n")];
        apply(&root, &compare(&root, &files, &[]).expect("compares")).expect("writes");
        let path = root.join("docker/a.Dockerfile");
        let edited = std::fs::read_to_string(&path).expect("reads") + "USER root\n";
        std::fs::write(&path, &edited).expect("writes");
        let error = compare(&root, &files, &[]).expect_err("was edited");
        assert!(describe(&error).contains("edited by hand"), "{}", describe(&error));
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), edited);
    }
}
