//! Which Go packages and modules are in an image, for what must not be in it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Explanation, Kind};

/// What is known to be in an image for one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// Go packages and modules, by path.
    origins: BTreeSet<String>,
    /// The image's own binaries that do not tell what they are made of.
    unreadable: Vec<String>,
    /// What compiled the image's own binaries, where that is known.
    #[serde(default)]
    pub compiler: Option<String>,
    /// The toolchain's bytes of the image's own, where they are told from the rest.
    #[serde(default)]
    pub toolchain_bytes: Option<u64>,
}

/// What must not be in an image, and is or may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denied {
    /// The packages and modules, as the settings name them.
    pub found: Vec<String>,
    /// The binaries that do not tell what they are made of.
    pub unreadable: Vec<String>,
}

impl Inside {
    /// Reads it off an explanation of an image. `bins` are the names of its own binaries, each at `/<name>`.
    pub fn of(explanation: &Explanation, bins: &[String]) -> Self {
        let mut origins = BTreeSet::new();
        explanation.whole.walk(&mut |part| {
            if matches!(part.kind, Kind::Module | Kind::Package) {
                origins.insert(part.name.clone());
            }
        });
        // A module of constants and types alone has no bytes, and is on the linker's list.
        let modules = explanation.builds.values().flat_map(|build| &build.modules);
        origins.extend(modules.map(|module| module.path.clone()));
        let paths = bins.iter().map(|bin| format!("/{bin}"));
        let unreadable = paths.filter(|path| !is_readable(explanation, path)).collect();
        let toolchain_bytes = explanation.toolchain.map(|toolchain| toolchain.bytes);
        Self { origins, unreadable, compiler: explanation.compiler(), toolchain_bytes }
    }

    /// Which of these are inside: a package, a module, or all that is below a path.
    pub fn denied(&self, words: &[String]) -> Denied {
        if words.is_empty() {
            return Denied::default();
        }
        let is_inside = |word: &&String| {
            let below = |origin: &String| origin.strip_prefix(word.as_str()).is_some_and(|rest| rest.starts_with('/'));
            self.origins.iter().any(|origin| origin == *word || below(origin))
        };
        let found = words.iter().filter(is_inside).cloned().collect();
        Denied { found, unreadable: self.unreadable.clone() }
    }
}

/// Whether a binary has both of what packages are known by: the list of its modules, and the table of its functions.
fn is_readable(explanation: &Explanation, path: &str) -> bool {
    let mut has_packages = false;
    explanation.whole.walk(&mut |part| {
        if part.kind == Kind::File && part.name == path {
            part.walk(&mut |inner| has_packages |= inner.kind == Kind::Package);
        }
    });
    has_packages && explanation.builds.contains_key(path)
}

impl Denied {
    /// Whether it stops a release.
    pub fn has_failed(&self) -> bool {
        !self.found.is_empty() || !self.unreadable.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::explain::go::GoModule;
    use crate::explain::{BuildInfo, How, Part};

    fn explanation() -> Explanation {
        let package = |name: &str| Part::leaf(Kind::Package, name, 10, How::Pclntab);
        let module = |name: &str, packages| Part::sum(Kind::Module, name, How::Pclntab, packages);
        let std = module("std", vec![package("net/http/pprof"), package("fmt")]);
        let other = module("github.com/x/y", vec![package("github.com/x/y/inner")]);
        let worker = Part::sum(Kind::File, "/worker", How::Exact, vec![std, other]);
        let stripped = Part::leaf(Kind::File, "/gateway", 10, How::Sections);
        let types = GoModule { path: "github.com/only/types".into(), version: "v1.0.0".into() };
        let build = BuildInfo { modules: vec![types], ..BuildInfo::default() };
        Explanation {
            whole: Part::sum(Kind::Image, "worker linux/amd64", How::Exact, vec![worker, stripped]),
            builds: BTreeMap::from([("/worker".to_owned(), build)]),
            ..Explanation::of_part(Part::leaf(Kind::Image, "", 0, How::Exact))
        }
    }

    #[test]
    fn packages_modules_and_all_below_a_path() {
        let inside = Inside::of(&explanation(), &["worker".into()]);
        let words = [
            "github.com/only/types",
            "github.com/x",
            "github.com/x/y",
            "github.com/x/y/inner",
            "net/http/pprof",
            // None of these is inside.
            "github.com/x/y/in",
            "github.com/x/yy",
            "net/http/pprof/x",
            "pprof",
        ];
        let denied = inside.denied(&words.map(str::to_owned));
        assert_eq!(denied.found, words[..5]);
        assert!(denied.has_failed() && denied.unreadable.is_empty());
        assert!(!inside.denied(&["unsafe/other".to_owned()]).has_failed());
    }

    #[test]
    fn a_binary_that_tells_nothing_never_passes() {
        let inside = Inside::of(&explanation(), &["gateway".into(), "missing".into(), "worker".into()]);
        let denied = inside.denied(&["github.com/z".to_owned()]);
        assert_eq!(denied.unreadable, ["/gateway", "/missing"]);
        assert!(denied.has_failed());
        assert!(!inside.denied(&[]).has_failed(), "nothing is asked for");
    }
}
