//! Random workspaces, as Go lists them.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use super::compare::{Comparison, compare};
use super::go::Go;

/// A module's folder and path. One lies in another's folder, and one path begins with another.
const MODULES: [(&str, &str); 4] =
    [("", "example.com/a"), ("b", "example.com/a/b"), ("c/d", "example.com/c"), ("b/e", "local")];
/// Folders of packages in a module.
const FOLDERS: [&str; 9] = ["", "cmd/x", "cmd/y/v2", "p", "p/internal/q", "p/r", "_u", "testdata/t", "vendor/v"];
/// Proptest's own number of cases.
const PROPTESTS_CASES: u32 = 256;
/// How many are compared, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 60;

/// A file or a link to one.
#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Link(String),
}

type Files = Vec<(String, Content)>;

/// A repository; what is printed of it is an archive like Go's.
#[derive(Clone)]
struct Workspace(Files);

impl std::fmt::Debug for Workspace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.iter().try_for_each(|(name, content)| match content {
            Content::Text(text) => write!(formatter, "\n-- {name} --\n{}", text.trim_end()),
            Content::Link(target) => write!(formatter, "\n-- {name} is a link to {target} --"),
        })
    }
}

/// A package before its imports are known.
#[derive(Debug, Clone)]
struct Package {
    module: usize,
    folder: &'static str,
    files: Vec<Source>,
    data: Vec<&'static str>,
    link: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Clone)]
struct Source {
    name: &'static str,
    constraint: &'static str,
    package: &'static str,
    imports: Vec<Import>,
    pattern: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Import {
    /// A package that comes later, so that there is no cycle.
    Later(Index),
    /// Any package.
    Any(Index),
    Other(&'static str),
}

fn workspace() -> impl Strategy<Value = Workspace> {
    subsequence((0..MODULES.len()).collect::<Vec<_>>(), 1..=MODULES.len()).prop_flat_map(|chosen| {
        let modules: Vec<_> = chosen.iter().map(|number| module(*number, chosen.clone())).collect();
        let places = chosen.iter().flat_map(|module| FOLDERS.map(|folder| (*module, folder))).collect::<Vec<_>>();
        let packages = subsequence(places, 1..8).prop_flat_map(|places| {
            places.into_iter().map(|(module, folder)| package(module, folder)).collect::<Vec<_>>()
        });
        (modules, packages, prop::option::weighted(0.4, work(chosen))).prop_map(|(modules, packages, work)| {
            let mut files: Files = modules;
            files.extend(work.map(|text| ("go.work".to_owned(), Content::Text(text))));
            for (number, package) in packages.iter().enumerate() {
                files.extend(package.write(number, &packages));
            }
            Workspace(files)
        })
    })
}

/// A `go.work` that uses some of the modules, often all.
fn work(modules: Vec<usize>) -> impl Strategy<Value = String> {
    let go = select(vec!["go 1.26", "go 1.26", "go 1.21", "go 1.20", ""]);
    let used = prop_oneof![Just(modules.clone()), subsequence(modules.clone(), 0..=modules.len())];
    (go, used, prop::option::weighted(0.1, select(modules))).prop_map(|(go, used, replaced)| {
        let mut text = format!("{go}\n");
        for number in used {
            text.push_str(&format!("use ./{}\n", MODULES[number].0));
        }
        if let Some((dir, path)) = replaced.map(|number| MODULES[number]) {
            text.push_str(&format!("replace {path} v1.0.0 => ./{dir}\n"));
        }
        text
    })
}

/// A module's `go.mod`; often it requires all others.
fn module(number: usize, others: Vec<usize>) -> impl Strategy<Value = (String, Content)> {
    let (dir, path) = MODULES[number];
    let go = select(vec!["go 1.26", "go 1.26", "go 1.21", "go 1.16", ""]);
    let ignore = select(vec!["", "", "", "ignore ./p\n", "ignore r\n"]);
    let required = prop_oneof![3 => Just(others.clone()), 1 => subsequence(others.clone(), 0..=others.len())];
    let versions = prop_oneof![
        6 => Just(("v1.0.0", "")), 2 => Just(("v1.0.0", "v1.0.0 ")), 1 => Just(("v1.1.0", "v1.0.0 "))
    ];
    (go, ignore, required, versions).prop_map(move |(go, ignore, required, (version, replaced))| {
        let mut text = format!("module {path}\n{go}\n{ignore}");
        for (other_dir, other) in required.into_iter().map(|other| MODULES[other]).filter(|(_, other)| *other != path) {
            let up = "../".repeat(dir.split('/').filter(|part| !part.is_empty()).count());
            text.push_str(&format!("require {other} {version}\nreplace {other} {replaced}=> ./{up}{other_dir}\n"));
        }
        (Utf8Path::new(dir).join("go.mod").into_string(), Content::Text(text))
    })
}

fn package(module: usize, folder: &'static str) -> impl Strategy<Value = Package> {
    let usual = if folder.starts_with("cmd") { "main" } else { "p" };
    let data = ["data.txt", "dir/x.txt", "dir/.hidden", "dir/_under", "dir/sub/y.txt", "dir/sub/go.mod", "default.pgo"];
    let data = prop_oneof![2 => Just(data[..5].to_vec()), 1 => subsequence(data.to_vec(), 0..=data.len())];
    let link = select(vec![("z.go", "a.go"), ("z.txt", "data.txt"), ("dirlink", "dir")]);
    (prop::collection::vec(source(usual), 1..4), data, prop::option::weighted(0.1, link)).prop_map(
        move |(mut files, data, link)| {
            // Most packages have a file that is always built.
            if files.len() > 1 {
                (files[0].name, files[0].constraint, files[0].package) = ("a.go", "", usual);
            }
            Package { module, folder, files, data, link }
        },
    )
}

fn source(usual: &'static str) -> impl Strategy<Value = Source> {
    let name = prop_oneof![
        6 => select(vec!["a.go", "b.go", "b_linux.go", "b_windows.go", "b_linux_amd64.go", "b_test.go", "linux.go", "b_js_c.go", "b_unix.go", "b_amd64_c.go"]),
        2 => select(vec!["b_arm64.go", "_b.go", ".b.go", "c.h", "c_windows.h", "c_amd64.s", "c.s", "c.syso"]),
        1 => select(vec!["c.c", "c.cc", "c.S", "c.m", "c.f", "c.swig"]),
    ];
    let constraint = prop_oneof![
        4 => Just(""),
        4 => select(vec![
            "//go:build linux\n", "//go:build !linux\n", "//go:build cgo\n", "//go:build !cgo\n", "//go:build ignore\n",
            "//go:build amd64 && go1.20\n", "//go:build go1.99 || unix\n",
            "//go:build amd64.v3 || (unix && !race)\n",
            "\u{feff}// BOM\r\n\r\n",
            "// A comment.\n\n// +build windows\n\n", "// +build windows\n\n",
            "// +build linux,amd64 darwin\n\n", "/* a */ //go:build ignore\n", "\u{feff}//go:build !windows\n",
        ]),
    ];
    let package = prop_oneof![40 => Just(usual), 1 => Just("main"), 1 => Just("other"), 1 => Just("documentation")];
    let import = prop_oneof![
        12 => any::<Index>().prop_map(Import::Later),
        1 => any::<Index>().prop_map(Import::Any),
        6 => Just(Import::Other("fmt")),
        2 => Just(Import::Other("C")),
        1 => select(vec!["example.com/nowhere", "net/http/internal", "./p", "local/p/internal/q"]).prop_map(Import::Other),
    ];
    let pattern = prop_oneof![
        4 => select(vec!["data.txt", "dir", "all:dir", "dir/*", "*.txt", "dir/sub", "\"data.txt\" dir"]),
        1 => select(vec!["missing", "dirlink/*", "z.txt", "[", "../p", "d*/x.txt", "dir/[a-x].txt"]),
    ];
    let imports = prop::collection::vec(import, 0..3);
    (name, constraint, package, imports, prop::option::weighted(0.25, pattern)).prop_map(
        move |(name, constraint, package, imports, pattern)| {
            // What tests say is not read: they are no input of a binary.
            let (constraint, package) = if name == "b_test.go" { ("", usual) } else { (constraint, package) };
            Source { name, constraint, package, imports, pattern }
        },
    )
}

impl Package {
    fn path(&self, name: &str) -> String {
        Utf8Path::new(MODULES[self.module].0).join(self.folder).join(name).into_string()
    }

    fn import_path(&self) -> String {
        Utf8Path::new(MODULES[self.module].1).join(self.folder).as_str().trim_end_matches('/').to_owned()
    }

    fn write(&self, number: usize, packages: &[Self]) -> Files {
        let mut files: Files = Vec::new();
        for source in &self.files {
            let mut text = format!("{}package {}\n", source.constraint, source.package);
            for import in &source.imports {
                let path = match import {
                    Import::Later(_) if number + 1 == packages.len() => continue,
                    Import::Later(index) => index.get(&packages[number + 1..]).import_path(),
                    Import::Any(index) => index.get(packages).import_path(),
                    // Nor can tests use C.
                    Import::Other("C") if source.name == "b_test.go" => continue,
                    Import::Other("C") => {
                        text.push_str("import \"C\"\n");
                        continue;
                    }
                    Import::Other(path) => (*path).to_owned(),
                };
                text.push_str(&format!("import _ {path:?}\n"));
            }
            if let Some(pattern) = source.pattern {
                text.push_str(&format!("import _ \"embed\"\n//go:embed {pattern}\nvar s string\n"));
            }
            files.push((self.path(source.name), Content::Text(text)));
        }
        files.extend(self.data.iter().map(|name| (self.path(name), Content::Text(String::new()))));
        files.extend(self.link.map(|(name, target)| (self.path(name), Content::Link(target.to_owned()))));
        files
    }
}

fn write(root: &Utf8Path, files: &Files) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        match content {
            Content::Text(text) => fs::write(path, text).expect("writes"),
            // A second link of the same name is as good as the first.
            Content::Link(target) => std::os::unix::fs::symlink(target, path).unwrap_or_default(),
        }
    }
}

#[test]
fn random_workspaces_agree_with_go() {
    let base = tempfile::tempdir().expect("a temporary folder");
    let base = Utf8PathBuf::from_path_buf(base.path().to_owned()).expect("a path in UTF-8");
    let base = base.canonicalize_utf8().expect("exists");
    let go = Go::new(&base, "off");
    let config = Config { max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    // Few workspaces, and the same in every run, unless PROPTEST_CASES and PROPTEST_RNG_SEED say otherwise.
    let cases = if config.cases == PROPTESTS_CASES { CASES } else { config.cases };
    let rng_seed = if config.rng_seed == RngSeed::Random { RngSeed::Fixed(2026) } else { config.rng_seed };
    let mut runner = TestRunner::new(Config { cases, rng_seed, ..config });
    let mut total = Comparison::default();
    let totals = std::sync::Mutex::new(&mut total);
    let result = runner.run(&workspace(), |files| {
        let root = base.join("work");
        fs::remove_dir_all(&root).unwrap_or_default();
        fs::create_dir_all(&root).expect("creates");
        write(&root, &files.0);
        let mut comparison = compare(&go, &root);
        let disagreements = std::mem::take(&mut comparison.disagreements);
        totals.lock().expect("no panic").add(comparison);
        let unknown: Vec<_> = disagreements.into_iter().filter(|line| !line.contains("is not in std (")).collect();
        if unknown.is_empty() { Ok(()) } else { Err(TestCaseError::fail(unknown.join("\n"))) }
    });
    println!(
        "{} workspaces agree: {} main packages, {} packages with their imports, {} of them refused by both, {} files",
        total.trees, total.mains, total.packages, total.refused, total.files
    );
    result.unwrap_or_else(|error| panic!("{error}"));
}
