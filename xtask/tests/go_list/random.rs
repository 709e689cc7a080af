//! Random workspaces, as Go lists them.

use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::compare::compare;
use super::go::Go;
use super::proxy;

/// Module folders; each but the first may be replaced in the others, or be used by a `go.work`.
const MODULES: [&str; 3] = ["app", "lib", "lib/nested"];
/// Package folders of a module.
const PACKAGES: [&str; 7] = ["", "cmd/run", "cmd/v2", "internal/core", "_hidden", "testdata/part", "extra"];
/// No test: the builder never sees one, and so does not refuse a package for it as Go would.
const NAMES: [&str; 9] = [
    "a.go",
    "b_linux.go",
    "c_windows.go",
    "e_linux_amd64.go",
    "_g.go",
    "linux.go",
    "h_js_i.go",
    "j_unix.go",
    "k_amd64_l.go",
];
const HEADS: [&str; 12] = [
    "",
    "",
    "//go:build linux\n\n",
    "//go:build !linux\n\n",
    "//go:build cgo\n\n",
    "//go:build ignore\n\n",
    "//go:build go1.18 && !go1.999\n\n",
    "//go:build unix && (amd64 || arm) && !race\n\n",
    "// +build darwin,cgo linux\n\n",
    "// A comment.\n\n// +build windows\n\n",
    "/* before */\n//go:build amd64.v3\n\n",
    "\u{feff}// BOM\r\n\r\n",
];

/// A Go file: where it is, what stands in front, and what it imports, by number.
#[derive(Debug, Clone)]
struct Source {
    module: usize,
    package: usize,
    name: &'static str,
    head: &'static str,
    imports: Vec<(usize, usize)>,
    embed: Option<&'static str>,
    cgo: bool,
}

#[derive(Debug, Clone)]
struct Workspace {
    mains: Vec<bool>,
    sources: Vec<Source>,
    uses: Option<Vec<bool>>,
    replaces: bool,
    link: bool,
}

fn source() -> impl Strategy<Value = Source> {
    let place = || (0..MODULES.len(), 0..PACKAGES.len());
    let embed = prop_oneof![
        6 => Just(None),
        1 => select(&["data", "data/*.txt", "all:data", "data/a.txt data/.b", "missing*"][..]).prop_map(Some),
    ];
    let imports = prop::collection::vec(place(), 0..3);
    (place(), select(&NAMES[..]), select(&HEADS[..]), imports, embed, prop::bool::weighted(0.15)).prop_map(
        |((module, package), name, head, imports, embed, cgo)| {
            // Imports lead to what comes later, so that they make no circle.
            let imports = imports.into_iter().filter(|other| *other > (module, package)).collect();
            Source { module, package, name, head, imports, embed, cgo }
        },
    )
}

fn workspace() -> impl Strategy<Value = Workspace> {
    let count = MODULES.len() * PACKAGES.len();
    (
        prop::collection::vec(any::<bool>(), count),
        prop::collection::vec(source(), 4..24),
        prop::option::weighted(0.4, prop::collection::vec(prop::bool::weighted(0.8), MODULES.len())),
        prop::bool::weighted(0.8),
        any::<bool>(),
    )
        .prop_map(|(mains, sources, uses, replaces, link)| Workspace { mains, sources, uses, replaces, link })
}

impl Workspace {
    fn write(&self, root: &Utf8Path) {
        for (number, module) in MODULES.iter().enumerate() {
            let mut text = format!("module example.com/{module}\n\ngo 1.24\n");
            for other in MODULES.iter().skip(number + 1).filter(|_| self.replaces) {
                let up = "../".repeat(module.split('/').count());
                let _ =
                    write!(text, "\nrequire example.com/{other} v0.0.0\nreplace example.com/{other} => {up}{other}\n");
            }
            write(root, &format!("{module}/go.mod"), &text);
        }
        if let Some(uses) = &self.uses {
            let used =
                MODULES.iter().zip(uses).filter(|(_, used)| **used).map(|(module, _)| format!("use ./{module}\n"));
            write(root, "go.work", &format!("go 1.24\n\n{}", used.collect::<String>()));
        }
        for source in &self.sources {
            let dir = folder(source.module, source.package);
            write(root, &format!("{dir}/{}", source.name), &self.text(source));
            for (file, text) in [("data/a.txt", "a"), ("data/.b", "b"), ("data/sub/c.txt", "c")] {
                write(root, &format!("{dir}/{file}"), text);
            }
        }
        #[cfg(unix)]
        if self.link {
            write(root, "elsewhere/linked.txt", &format!("package {}\n", self.package(0, 0)));
            std::os::unix::fs::symlink(root.join("elsewhere/linked.txt"), root.join("app/linked.go")).expect("links");
            std::os::unix::fs::symlink(root.join("lib"), root.join("app/away")).expect("links");
        }
    }

    fn package(&self, module: usize, package: usize) -> &'static str {
        if self.mains[module * PACKAGES.len() + package] { "main" } else { "part" }
    }

    fn text(&self, source: &Source) -> String {
        let mut text = format!("{}package {}\n\n", source.head, self.package(source.module, source.package));
        for (module, package) in &source.imports {
            let dir = folder(*module, *package);
            let _ = writeln!(text, "import _ \"example.com/{dir}\"");
        }
        if source.cgo {
            text.push_str("\n// int zero(void);\nimport \"C\"\n");
        }
        if let Some(pattern) = source.embed {
            let _ = write!(text, "\nimport \"embed\"\n\n//go:embed {pattern}\nvar data embed.FS\n");
        }
        text
    }
}

fn folder(module: usize, package: usize) -> String {
    let dir = Utf8Path::new(MODULES[module]).join(PACKAGES[package]);
    dir.as_str().trim_end_matches('/').to_owned()
}

fn write(root: &Utf8Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
    fs::write(path, text).expect("writes");
}

#[test]
fn random_workspaces_agree_with_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let base = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a path in UTF-8");
    let base = base.canonicalize_utf8().expect("exists");
    let go = Go::new(&base, &proxy::write(&base.join("proxy")));
    let work = base.join("work");
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    // The same workspaces in every run, unless PROPTEST_RNG_SEED says otherwise.
    let rng_seed = if config.rng_seed == RngSeed::Random { RngSeed::Fixed(2026) } else { config.rng_seed };
    let config = ProptestConfig { rng_seed, ..config };
    proptest!(config, |(workspace in workspace())| {
        if work.exists() {
            fs::remove_dir_all(&work).expect("removes");
        }
        workspace.write(&work);
        let comparison = compare(&go, &work);
        let disagreements: Vec<_> =
            comparison.disagreements.iter().filter(|line| !line.contains("is not in std (")).collect();
        prop_assert!(disagreements.is_empty(), "{disagreements:#?}");
    });
}
