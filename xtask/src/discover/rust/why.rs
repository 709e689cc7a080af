//! By which dependencies a Rust service comes to a crate, from the lock file of its workspace.

use std::collections::{BTreeMap, HashMap, VecDeque};

use anyhow::Result;

use super::lock::Lock;
use super::{DependencyKind, Package, RustTree};
use crate::files::tree::Tree;

/// A package of a lock file: its name, and its place among those of that name.
type Locked<'a> = (&'a str, usize);

/// The shortest way from a service's package to each of the crates, as `a depends on b depends on c`; none to one that it is
/// not linked with, or without a lock file. Crates go by their names in code.
///
/// # Errors
/// The lock file cannot be read.
pub fn ways_into(tree: &Tree, rust: &RustTree, package: &Package, crates: &[&str]) -> Result<BTreeMap<String, String>> {
    let lock = Lock::read(tree, &package.workspace)?.unwrap_or_default();
    let members = rust.workspaces.iter().flat_map(|workspace| &workspace.packages);
    let members: HashMap<_, _> = members
        .filter(|member| member.workspace == package.workspace)
        .map(|member| (member.name.as_str(), &**member))
        .collect();
    Ok(shortest(&lock, &members, package, crates))
}

/// The same of what was read. A lock file does not say which dependencies are for tests and build scripts alone; of the
/// `members` of the workspace it is known.
fn shortest(
    lock: &Lock,
    members: &HashMap<&str, &Package>,
    package: &Package,
    crates: &[&str],
) -> BTreeMap<String, String> {
    let (mut ways, first) = (BTreeMap::new(), (package.name.as_str(), 0));
    let mut from: HashMap<Locked, Option<Locked>> = HashMap::from([(first, None)]);
    let mut waiting = VecDeque::from([first]);
    while let Some(at) = waiting.pop_front() {
        let name = at.0.replace('-', "_");
        if at != first && crates.contains(&name.as_str()) {
            ways.entry(name).or_insert_with(|| way(at, &from));
        }
        for next in lock.dependencies(at) {
            let is_linked = members.get(at.0).is_none_or(|member| {
                let mut of_name = member.dependencies.iter().filter(|dependency| dependency.name == next.0);
                of_name.any(|dependency| dependency.kind == DependencyKind::Normal)
            });
            if is_linked && !from.contains_key(&next) {
                from.insert(next, Some(at));
                waiting.push_back(next);
            }
        }
    }
    ways
}

/// The way by which a package was found.
fn way<'a>(found: Locked<'a>, from: &HashMap<Locked<'a>, Option<Locked<'a>>>) -> String {
    let before = |package: &Locked| from.get(package).copied().flatten();
    let mut names: Vec<_> = std::iter::successors(Some(found), before).map(|(name, _)| name).collect();
    names.reverse();
    names.join(" depends on ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::discover;

    const LOCK: &str = r#"
        [[package]]
        name = "gateway"
        version = "0.1.0"
        dependencies = ["axum-x", "for-tests", "old 1.0.0", "shared"]

        [[package]]
        name = "shared"
        version = "0.1.0"
        dependencies = ["for-tests", "renamed"]

        [[package]]
        name = "axum-x"
        version = "0.8.0"
        dependencies = ["hyper", "old 2.0.0 (registry+https://example.com)"]

        [[package]]
        name = "for-tests"
        version = "1.0.0"
        dependencies = ["hyper", "only-tests"]

        [[package]]
        name = "hyper"
        version = "1.0.0"

        [[package]]
        name = "old"
        version = "1.0.0"

        [[package]]
        name = "old"
        version = "2.0.0"
        dependencies = ["deep"]

        [[package]]
        name = "deep"
        version = "1.0.0"
        dependencies = ["axum-x"]

        [[package]]
        name = "only-tests"
        version = "1.0.0"

        [[package]]
        name = "renamed"
        version = "1.0.0"
        "#;

    fn ways(lock: &str, crates: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let root = camino::Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
        let write = |path: &str, text: &str| crate::files::write(&root.join(path), text.as_bytes()).expect("writes");
        let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"gateway\", \"shared\"]\n[workspace.dependencies]\nother = { package = \
             \"renamed\", version = \"1\" }\n",
        );
        let gateway = "[dependencies]\naxum-x = \"0.8\"\nshared.path = \"../shared\"\n[target.'cfg(unix)'.dependencies]\nold = \
                       \"1\"\n[dev-dependencies]\nfor-tests = \"1\"\n";
        write("gateway/Cargo.toml", &(package("gateway") + gateway));
        write("gateway/src/main.rs", "fn main() {}\n");
        let shared = "[dependencies]\nother.workspace = true\n[build-dependencies]\nfor-tests = \"1\"\n";
        write("shared/Cargo.toml", &(package("shared") + shared));
        write("shared/src/lib.rs", "");
        write("Cargo.lock", lock);
        let tree = Tree::new(root.clone());
        let found = discover(&tree, &crate::config::Settings::default(), &[]).expect("reads");
        let crate::service::Source::Rust(package) = &found.services[0].source else { panic!("{:?}", found.services) };
        ways_into(&tree, &found.rust, package, crates).expect("reads").into_values().collect()
    }

    #[test]
    fn the_shortest_way_that_is_linked() {
        assert_eq!(
            ways(LOCK, &["axum_x", "deep", "gateway", "hyper", "only_tests", "renamed", "std"]),
            [
                "gateway depends on axum-x",
                "gateway depends on axum-x depends on old depends on deep",
                "gateway depends on axum-x depends on hyper",
                "gateway depends on shared depends on renamed",
            ]
        );
    }

    #[test]
    fn a_lock_file_of_others_has_no_way() {
        for lock in ["", "package = 3", "[[package]]\nname = \"other\"\nversion = \"1.0.0\"\n"] {
            assert_eq!(ways(lock, &["hyper"]), Vec::<String>::new(), "{lock}");
        }
    }
}
