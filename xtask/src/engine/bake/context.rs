//! The names by which a builder knows the folders that images are built from.
//!
//! BuildKit keeps the files of a context, under the name of its folder without the path, and asks the next time only for
//! those whose size or modification time is another. So a file that was put in the place of one as long and as old is
//! missed, and so is one in another checkout of the same name. Here each image has a context of its own, a link to the
//! repository, and its name changes with every change that the times do not tell of: the builder then starts afresh.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::visible::{for_this_matcher, widened};
use super::{Bake, names};
use crate::files::{self, tree::Below as _, tree::Kind, tree::Tree};
use crate::oci;
use crate::plan::{ContextRule, EMBEDDED_BASE, ImagePlan};
use crate::quote::literal_path;
use crate::render;

/// What the builder sees of the repository in one run. It goes away with this value.
#[derive(Debug)]
pub(super) struct Contexts {
    folder: Utf8PathBuf,
    /// The links to the repository, by the name of the bake target.
    links: BTreeMap<String, Utf8PathBuf>,
    /// The Dockerfiles with [the ignore files of this run](names), by the name of the bake target.
    dockerfiles: BTreeMap<String, Utf8PathBuf>,
    /// What the base `embedded` is, where it is not what the generated bake file says. By target.
    bases: BTreeMap<String, String>,
}

impl Contexts {
    /// Links that no other run uses. Where the system knows no such links, nothing is left to the bake file.
    pub(super) fn create(bake: &Bake, images: &[&ImagePlan], bases: BTreeMap<String, String>) -> Result<Self> {
        let folder = bake.work.join(format!("contexts.{}", std::process::id()));
        files::remove_folder(&folder)?;
        files::create_folder(&folder)?;
        let mut repository = Repository::new(bake.root);
        let (mut links, mut dockerfiles) = (BTreeMap::new(), BTreeMap::new());
        for image in images {
            let link = folder.join(format!("{}-{}", image.target(), repository.state(&image.context)?));
            if files::link_folder(bake.root, &link)? {
                links.insert(image.target(), link);
            }
            if let Some(dockerfile) = repository.write_dockerfile(image, &folder)? {
                dockerfiles.insert(image.target(), dockerfile);
            }
        }
        Ok(Self { folder, links, dockerfiles, bases })
    }

    /// Writes the bake files of these images: the generated one, and one that is merged with it and has the targets use
    /// their links, Dockerfiles and bases.
    pub(super) fn write_bake_files(&self, bake: &Bake, images: &[&ImagePlan]) -> Result<Vec<Utf8PathBuf>> {
        let targets = images.iter().map(|image| {
            let target = image.target();
            let link = self.links.get(&target).map(|link| ("context", json!(link)));
            let dockerfile = self.dockerfiles.get(&target).map(|file| ("dockerfile", json!(file)));
            let base = self.bases.get(&target).map(|base| ("contexts", json!({ EMBEDDED_BASE: base })));
            (target, link.into_iter().chain(dockerfile).chain(base).collect::<BTreeMap<_, _>>())
        });
        let file = self.folder.join("bake.json");
        files::write(&file, &serde_json::to_vec(&json!({ "target": targets.collect::<BTreeMap<_, _>>() }))?)?;
        Ok(vec![self.generated(bake, images)?, file])
    }

    /// The generated bake file, without the other images: of a thousand, buildx takes half a second to read all. What a
    /// person adds may refer to any of them.
    fn generated(&self, bake: &Bake, images: &[&ImagePlan]) -> Result<Utf8PathBuf> {
        if !bake.overrides.is_empty() {
            return Ok(render::bake_file());
        }
        let file = self.folder.join("bake.hcl");
        files::write(&file, render::bake_file_of(images, bake.settings).as_bytes())?;
        Ok(file)
    }
}

impl Drop for Contexts {
    fn drop(&mut self) {
        // They hold nothing; the next run with this process number removes what stays.
        let _ = files::remove_folder(&self.folder);
    }
}

/// The repository, as far as contexts show it.
struct Repository {
    tree: Tree,
    /// The changes of which times do not tell, by path; of each path only once.
    hidden: HashMap<String, Option<i128>>,
}

impl Repository {
    fn new(root: &Utf8Path) -> Self {
        Self { tree: Tree::new(root.to_owned()), hidden: HashMap::new() }
    }

    /// The same for as long as the times of what the rules show tell of every change.
    fn state(&mut self, rules: &[ContextRule]) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.tree.root().as_str());
        for path in visible(&self.tree, rules)? {
            let tree = &self.tree;
            let change = self.hidden.entry(path.clone()).or_insert_with(|| tree.hidden_change(path.as_str().into()));
            if let Some(change) = change {
                hash.update(format!("\n{path} {change}"));
            }
        }
        Ok(oci::shorten(&oci::hex_digest(hash)))
    }

    /// Writes the image's Dockerfile into a folder, with an ignore file beside it that [names what it shows](names).
    /// `None` where the ignore file that is generated does so.
    fn write_dockerfile(&self, image: &ImagePlan, folder: &Utf8Path) -> Result<Option<Utf8PathBuf>> {
        let Some(rules) = names::instead_of_globs(&self.tree, &image.context)? else { return Ok(None) };
        let generated = self.tree.absolute(&image.dockerfile());
        let Some(dockerfile) = files::read_if_exists(&generated)? else { return Ok(None) };
        let path = folder.join(image.dockerfile().file_name().unwrap_or_default());
        files::write(&path, &dockerfile)?;
        files::write(&Utf8PathBuf::from(format!("{path}.dockerignore")), render::render_ignore(&rules).as_bytes())?;
        Ok(Some(path))
    }
}

/// At least everything that the rules show, and all folders above it, those of the repository too: one that was
/// moved brought its files along. As text, which is compared faster than paths.
pub(super) fn visible(tree: &Tree, rules: &[ContextRule]) -> Result<BTreeSet<String>> {
    let mut visible: BTreeSet<_> = tree.root().ancestors().map(|folder| folder.as_str().to_owned()).collect();
    // Each with the last rule that hides it. A rule below that may show it again.
    let hidden: HashMap<_, _> = rules.iter().enumerate().filter_map(|(at, rule)| Some((hides(rule)?, at))).collect();
    for (at, rule) in rules.iter().enumerate() {
        let ContextRule::Include(pattern) = rule else { continue };
        let is_deep = pattern.contains("**");
        let stays_hidden = |path: &str| !is_deep && hidden.get(path).is_some_and(|hides| *hides > at);
        for path in matches(tree, pattern)? {
            add(tree, path, &stays_hidden, &mut visible)?;
        }
        let folders = Utf8Path::new(pattern.trim_start_matches("./")).ancestors().skip(1);
        visible.extend(folders.filter_map(|folder| literal_path(folder.as_str())));
    }
    Ok(visible)
}

/// What a pattern may mean: entries of one folder, where only the last part of it is a glob; else the whole folder.
pub(super) fn matches(tree: &Tree, pattern: &str) -> Result<Vec<Utf8PathBuf>> {
    if let Some(path) = literal_path(pattern) {
        return Ok(vec![path.into()]);
    }
    let pattern = Utf8Path::new(pattern.trim_start_matches("./"));
    let mut folders = pattern.ancestors().skip(1).map(|folder| literal_path(folder.as_str()));
    let parent = folders.next().flatten();
    let is_of_one_folder = parent.is_some() && pattern.file_name() != Some("**");
    let folder = Utf8PathBuf::from(parent.or_else(|| folders.flatten().next()).unwrap_or_default());
    if !is_of_one_folder {
        return Ok(vec![folder]);
    }
    let glob = for_this_matcher(&widened(pattern.file_name().unwrap_or_default()));
    let entries = tree.entries(&folder)?;
    let matching = entries.iter().filter(|entry| fast_glob::glob_match(&glob, &entry.name));
    Ok(matching.map(|entry| folder.below(&entry.name)).collect())
}

/// Adds what stands at a path, and where that is a folder, everything below it that is not hidden again.
pub(super) fn add(
    tree: &Tree,
    path: Utf8PathBuf,
    is_hidden: &dyn Fn(&str) -> bool,
    visible: &mut BTreeSet<String>,
) -> Result<()> {
    let mut waiting = vec![path];
    while let Some(path) = waiting.pop() {
        // Whatever is built from, it is not what git and runs of this tool write all the time.
        if is_hidden(path.as_str()) || matches!(path.as_str(), ".git" | "target/images") {
            continue;
        }
        if tree.kind(&path)? == Some(Kind::Folder) {
            waiting.extend(tree.entries(&path)?.iter().map(|entry| path.below(&entry.name)));
        }
        visible.insert(path.into_string());
    }
    Ok(())
}

/// The path that a rule hides, where it is one and no glob.
fn hides(rule: &ContextRule) -> Option<String> {
    let ContextRule::Exclude(pattern) = rule else { return None };
    literal_path(pattern)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::super::visible;
    use super::*;

    struct Checkout {
        folder: tempfile::TempDir,
        rules: Vec<ContextRule>,
    }

    impl Checkout {
        fn new(rules: &[&str]) -> Self {
            let checkout =
                Self { folder: tempfile::tempdir().expect("a temporary folder"), rules: visible::tests::rules(rules) };
            fs::create_dir_all(checkout.path("app/target")).expect("creates");
            for file in ["app/main.go", "app/data.txt", "app/target/made", "other.go"] {
                fs::write(checkout.path(file), "A").expect("writes");
            }
            checkout
        }

        fn path(&self, path: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.folder.path()).expect("is UTF-8").join(path)
        }

        fn state(&self) -> String {
            Repository::new(&self.path("")).state(&self.rules).expect("reads")
        }

        /// Writes a file in the place of one as long and as old.
        fn put_in_place(&self, path: &str) {
            let time = fs::metadata(self.path(path)).and_then(|metadata| metadata.modified()).expect("has a time");
            fs::write(self.path(path), "B").expect("writes");
            self.set_time(path, time);
        }

        fn set_time(&self, path: &str, time: SystemTime) {
            let file = File::options().write(true).open(self.path(path)).expect("opens");
            file.set_times(FileTimes::new().set_modified(time)).expect("sets the time");
        }
    }

    #[test]
    fn an_edit_that_its_time_tells_of_keeps_the_state() {
        let checkout = Checkout::new(&["app/*.go"]);
        let before = checkout.state();
        fs::write(checkout.path("app/main.go"), "B").expect("writes");
        fs::write(checkout.path("app/new.go"), "new").expect("writes");
        fs::remove_file(checkout.path("app/data.txt")).expect("removes");
        assert_eq!(checkout.state(), before);
    }

    #[test]
    fn a_file_as_long_and_as_old_changes_it_where_the_rules_show_it() {
        for (rules, path, changes) in [
            (&["app/*.go"] as &[_], "app/main.go", true),
            (&["app/main.go"], "app/main.go", true),
            (&["app"], "app/data.txt", true),
            (&["./app"], "app/data.txt", true),
            (&["**/*.go"], "app/main.go", true),
            (&["*.go"], "other.go", true),
            (&["app/*.go"], "app/data.txt", false),
            (&["app", "!app/target"], "app/target/made", false),
            (&["app"], "other.go", false),
        ] {
            let checkout = Checkout::new(rules);
            let before = checkout.state();
            checkout.put_in_place(path);
            assert_eq!(checkout.state() != before, changes, "{path}, shown by {rules:?}");
        }
    }

    #[test]
    fn an_old_time_stays_the_same_state_until_the_file_changes() {
        let checkout = Checkout::new(&["app"]);
        checkout.set_time("app/main.go", SystemTime::now() - Duration::from_secs(60));
        let old = checkout.state();
        assert_eq!(checkout.state(), old);
        checkout.put_in_place("app/main.go");
        assert_ne!(checkout.state(), old);
    }

    #[test]
    fn a_folder_that_was_moved_changes_it() {
        let checkout = Checkout::new(&["app/*.go"]);
        let before = checkout.state();
        fs::rename(checkout.path("app"), checkout.path("gone")).expect("moves");
        fs::rename(checkout.path("gone"), checkout.path("app")).expect("moves");
        assert_ne!(checkout.state(), before);
    }

    #[test]
    fn each_checkout_has_its_own() {
        assert_ne!(Checkout::new(&["app"]).state(), Checkout::new(&["app"]).state());
    }
}
