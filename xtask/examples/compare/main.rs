//! Compares what the tool reads of checkouts with what Go says of them: every package of every module, with cgo and
//! without. `cargo run --example compare -- DIR…`
//!
//! It is no test, since it needs other people's repositories and the modules that these require; those come from where
//! `go` gets them, and into its module cache.
#![expect(clippy::print_stdout, reason = "what was compared is told in numbers")]

#[path = "../../tests/go_list/compare.rs"]
mod compare;
#[path = "../../tests/go_list/go.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod go;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Instant;

use camino::Utf8PathBuf;
use compare::{Comparison, compare};
use go::Go;

/// Where the tool and Go may differ: a part of what is said, and the reason.
const EXPLAINED: [(&str, &str); 0] = [];

fn main() -> ExitCode {
    let folders: Vec<Utf8PathBuf> = std::env::args().skip(1).map(Utf8PathBuf::from).collect();
    if folders.is_empty() {
        println!("usage: cargo run --example compare -- DIR…");
        return ExitCode::from(2);
    }
    let own = tempfile::tempdir().expect("a temporary folder");
    let base = Utf8PathBuf::from_path_buf(own.path().to_owned()).expect("a path in UTF-8");
    let [proxy, modules] = ["GOPROXY", "GOMODCACHE"].map(|name| said_by_go(&["env", name]));
    let go = Go::new(&base, &proxy).with(&BTreeMap::from([("GOMODCACHE".to_owned(), modules)]));
    let mut all = Comparison::default();
    for folder in &folders {
        let start = Instant::now();
        let root = folder.canonicalize_utf8().unwrap_or_else(|error| panic!("{folder}: {error}"));
        let comparison = compare(&go, &root);
        println!("{folder}: {} ({:.0?})", numbers(&comparison), start.elapsed());
        all.add(comparison);
    }
    if folders.len() > 1 {
        println!("all: {}", numbers(&all));
    }
    let mut unknown = 0;
    for line in &all.disagreements {
        let known = EXPLAINED.iter().find(|(part, _)| line.contains(part));
        match known {
            Some((_, reason)) => println!("{line} ({reason})"),
            None => {
                unknown += 1;
                println!("{line}");
            }
        }
    }
    if unknown > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn numbers(comparison: &Comparison) -> String {
    format!(
        "{} main packages, {} packages with their imports, {} of them refused by both, {} files; {} lists or packages that \
         Go cannot complete here; {} disagreements",
        comparison.mains,
        comparison.packages,
        comparison.refused,
        comparison.files,
        comparison.incomparable,
        comparison.disagreements.len()
    )
}

fn said_by_go(arguments: &[&str]) -> String {
    let output = Command::new("go").args(arguments).output().expect("starts go");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
