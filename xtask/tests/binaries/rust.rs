//! Rust binaries, whose crates only symbols tell apart.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::explain::{self, Kind, Language};

use crate::tools::{self, bytes_of, check_sums, run, section};

const MAIN: &str =
    "fn main() {\n    let text: Vec<String> = std::env::args().collect();\n    println!(\"{text:?}\");\n}\n";

fn compile(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let source = folder.join("program.rs");
    std::fs::write(&source, MAIN).unwrap();
    let output = folder.join(name);
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-Copt-level=1", "-o"]).arg(&output).args(arguments).arg(&source);
    run(&mut rustc);
    output
}

#[test]
fn crates_are_told_apart_by_symbols_of_either_form() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["v0", "legacy"] {
        let mangling = format!("-Csymbol-mangling-version={form}");
        // Stable Rust takes the old form only for itself.
        let arguments = if form == "v0" { vec![mangling.as_str()] } else { vec![] };
        let binary = tools::explain(&compile(folder.path(), form, &arguments));
        assert_eq!(binary.language, Some(Language::Rust));
        for name in ["std", "core", "alloc", "program"] {
            assert!(bytes_of(&binary, Kind::Crate, name) > 100, "{form}: {name}");
        }
        let text = section(&binary, ".text");
        let known: u64 = text.parts.iter().filter(|part| part.kind == Kind::Crate).map(|part| part.bytes).sum();
        assert!(known * 100 > text.bytes * 85, "{form}: {known} of {}", text.bytes);
        assert!(binary.remarks.iter().any(|remark| remark.text.contains("strip = true")), "{:?}", binary.remarks);
    }
}

#[test]
fn a_stripped_binary_is_divided_into_sections_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let binary = tools::explain(&compile(folder.path(), "stripped", &["-Cstrip=symbols"]));
    assert_eq!((binary.language, binary.is_nameless), (Some(Language::Rust), true));
    assert!(binary.remarks.is_empty(), "{:?}", binary.remarks);
    assert!(section(&binary, ".text").parts.is_empty());
}

#[test]
fn a_copy_with_symbols_tells_the_crates_of_a_stripped_binary() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, arguments: &[&str]| std::fs::read(compile(folder.path(), name, arguments)).unwrap();
    let stripped = read("program", &["-Cstrip=symbols"]);
    let copy = read("program", &["-Cstrip=debuginfo"]);
    let other = read("program", &["-Cstrip=debuginfo", "-Copt-level=2"]);
    assert!(copy.len() > stripped.len());
    assert!(explain::has_symbols(&copy) && !explain::has_symbols(&stripped));

    let binary = explain::binary(&stripped, &[other.clone(), copy]).unwrap();
    check_sums(&binary, stripped.len());
    assert_eq!((binary.language, binary.is_nameless), (Some(Language::Rust), false));
    for name in ["std", "core", "alloc", "program"] {
        assert!(bytes_of(&binary, Kind::Crate, name) > 100, "{name}");
    }
    assert!(binary.remarks.is_empty(), "it holds no symbols itself: {:?}", binary.remarks);
    // Another binary's symbols say nothing of this one, nor does what is no binary.
    for copies in [vec![other], vec![b"\x7fELF".to_vec(), Vec::new()]] {
        assert_eq!(explain::binary(&stripped, &copies), explain::binary(&stripped, &[]));
    }
}
