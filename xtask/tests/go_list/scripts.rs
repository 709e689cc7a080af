//! Go's own script suite: every state that a script brings its modules into, as Go lists it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8PathBuf;

use super::compare::{Comparison, compare};
use super::go::{self, Go};
use super::{proxy, script};

/// The scripts that run where not all of them do; a name stands for all that begin with it.
const MOST_TELLING: [&str; 25] = [
    "build_ignore_leading_bom",
    "build_ignoredirective",
    "build_internal",
    "build_pgo_auto",
    "build_test_only",
    "cgo_asm_error",
    "embed",
    "import_unix_tag",
    "list_all_gobuild",
    "list_case_collision",
    "list_cgo_compiled_importmap",
    "list_constraints",
    "list_ignore",
    "list_module_when_error",
    "list_symlink",
    "mod_build_tags",
    "mod_dir",
    "mod_goline_too_new",
    "mod_import_cycle",
    "mod_replace_import",
    "mod_symlink",
    "mod_vendor_auto",
    "work_edit",
    "work_replace",
    "work_vendor",
];

/// Where the tool and Go may differ: a script or `*`, a part of what is said, and the reason.
const DISAGREEMENTS: [(&str, &str, &str); 14] = [
    (
        "*",
        "is not in std (",
        "which packages Go has is written in Go's folder; without it an import without a dot counts as Go's",
    ),
    ("mod_bad_domain", "useappengine: Go refuses it", "the same, for a name that Go gives a message of its own"),
    ("mod_get_downgrade_missing", "no required module provides", ELSEWHERE),
    ("mod_get_retract", "no required module provides", ELSEWHERE),
    ("mod_retract", "no required module provides", ELSEWHERE),
    ("mod_retract_replace", "no required module provides", ELSEWHERE),
    ("mod_tidy_downgrade_ambiguous", "no required module provides", ELSEWHERE),
    ("mod_tidy_compat_ambiguous", "ambiguous import", ELSEWHERE),
    ("mod_get_indirect", "no required module provides", BEFORE_PRUNING),
    ("mod_readonly", "no required module provides", BEFORE_PRUNING),
    ("mod_replace", "no required module provides", BEFORE_PRUNING),
    (
        "mod_get_promote_implicit",
        "from implicitly required module",
        "the package is found through another module's go.mod; Go asks to write the requirement down",
    ),
    (
        "mod_internal",
        "subtle.go",
        "a module from elsewhere imports a package of a replaced module; a module of the repository requires that too, \
         so that it does not count as shared",
    ),
    (
        "mod_list_direct_work",
        "Go does not read",
        "a wrong `// indirect` makes it look as if only modules from elsewhere imported the module",
    ),
];

const ELSEWHERE: &str = "which packages a module from elsewhere has is written in its sources, which are not here";
const BEFORE_PRUNING: &str = "before Go 1.17 a go.mod need not list every module, so the package may be elsewhere";

fn run(names: &[String]) -> BTreeMap<String, Comparison> {
    let base = tempfile::tempdir().expect("a temporary folder");
    let base = Utf8PathBuf::from_path_buf(base.path().to_owned()).expect("a path in UTF-8");
    let base = base.canonicalize_utf8().expect("exists");
    let go = Go::new(&base, &proxy::write(&base.join("proxy")));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = go::root().join("src/cmd/go/testdata/script").join(name);
                    let text = String::from_utf8_lossy(&fs::read(path).expect("a script")).into_owned();
                    let work = base.join("work").join(name);
                    let mut comparison = Comparison::default();
                    script::run(&text, &work, &go, || comparison.add(compare(&go, &work)));
                    results.lock().expect("no panic").insert(name.clone(), comparison);
                }
            });
        }
    });
    results.into_inner().expect("no panic")
}

/// The most telling scripts, or every one with `GO_SCRIPTS=all` in the environment, as the repository's test command has
/// it: that takes more than a minute.
#[test]
fn scripts_agree_with_go_but_for_known_differences() {
    let is_all = std::env::var("GO_SCRIPTS").is_ok_and(|value| value == "all");
    let mut names: Vec<String> = go::root()
        .join("src/cmd/go/testdata/script")
        .read_dir_utf8()
        .expect("go's scripts")
        .map(|entry| entry.expect("lists").file_name().to_owned())
        .filter(|name| name.ends_with(".txt"))
        .filter(|name| is_all || MOST_TELLING.iter().any(|start| name.starts_with(start)))
        .collect();
    names.sort();
    assert!(names.len() > MOST_TELLING.len(), "go's scripts have other names now");
    let mut total = Comparison::default();
    let mut unknown = Vec::new();
    let mut seen = BTreeSet::new();
    let mut agreeing = 0;
    for (name, comparison) in run(&names) {
        agreeing += usize::from(comparison.disagreements.is_empty());
        for line in &comparison.disagreements {
            let row = DISAGREEMENTS.iter().position(|(script, part, _)| {
                (*script == "*" || name.strip_suffix(".txt") == Some(script)) && line.contains(part)
            });
            match row {
                Some(row) => drop(seen.insert(row)),
                None => unknown.push(format!("{name}: {line}")),
            }
        }
        total.add(comparison);
    }
    println!(
        "{agreeing} of {} scripts agree: {} trees, {} main packages, {} packages with their imports, {} of them refused by \
         both, {} files; {} lists need modules that are not here",
        names.len(),
        total.trees,
        total.mains,
        total.packages,
        total.refused,
        total.files,
        total.incomparable
    );
    assert!(unknown.is_empty(), "new disagreements:\n{}", unknown.join("\n"));
    let ran = |script: &str| script == "*" || names.iter().any(|name| name.strip_suffix(".txt") == Some(script));
    for (row, (script, part, reason)) in DISAGREEMENTS.iter().enumerate() {
        assert!(seen.contains(&row) || !ran(script), "{script} agrees now ({part}: {reason}); take it off the list");
    }
}
