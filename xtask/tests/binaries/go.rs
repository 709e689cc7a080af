//! Go binaries of all kinds, of the Go that is here and of those in `GO_TOOLCHAINS`.

use std::path::PathBuf;
use std::process::Command;

use xtask::explain::{Binary, Kind, Language};

use crate::tools::{bytes_of, explain, run, section};

/// A module with a package of its own, one of another module, and a file that it embeds.
pub struct Program {
    folder: tempfile::TempDir,
}

const MAIN: &str = r#"package main

import (
	"embed"

	"example.com/greeting.v2"
	"example.com/program/inner"
)

//go:embed large.txt
var files embed.FS

func main() {
	text, err := files.ReadFile("large.txt")
	println(len(text), err == nil, inner.Sum(len(text)), greeting.Text())
}
"#;

const INNER: &str = "package inner\n\n//go:noinline\nfunc Sum(n int) int {\n\tif n == 0 {\n\t\treturn 0\n\t}\n\treturn n + Sum(n-1)\n}\n";
const GREETING: &str = "package greeting\n\n//go:noinline\nfunc Text() string { return \"hello\" }\n";

/// The bytes of the embedded file.
pub const EMBEDDED: usize = 10_001;

impl Program {
    pub fn new() -> Self {
        let program = Self { folder: tempfile::tempdir().unwrap() };
        let require = "require example.com/greeting.v2 v1.3.4\n\nreplace example.com/greeting.v2 => ./greeting\n";
        for (path, text) in [
            ("go.mod", format!("module example.com/program\n\ngo 1.18\n\n{require}").as_str()),
            ("main.go", MAIN),
            ("inner/inner.go", INNER),
            ("greeting/go.mod", "module example.com/greeting.v2\n\ngo 1.18\n"),
            ("greeting/greeting.go", GREETING),
            ("large.txt", &"x".repeat(EMBEDDED)),
        ] {
            let path = program.folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        program
    }

    /// Builds it as `name`.
    pub fn build(&self, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> PathBuf {
        let output = self.folder.path().join(name);
        let mut go = Command::new("go");
        go.current_dir(self.folder.path()).args(["build", "-trimpath", "-o"]).arg(&output).args(arguments);
        // What a machine sets of its own accord is no part of this.
        go.env_remove("GOFLAGS").env("GOWORK", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
        run(go.envs(environment.iter().copied()));
        output
    }
}

const STRIPPED: &str = "-ldflags=-s -w";

fn check(binary: &Binary, what: &str) {
    assert_eq!(binary.language, Some(Language::Go), "{what}");
    let build = binary.build.as_ref().unwrap_or_else(|| panic!("{what}: no build information"));
    assert!(build.go.starts_with("go1."), "{what}: {}", build.go);
    assert_eq!(build.main.as_ref().unwrap().path, "example.com/program", "{what}");
    // Nothing but C's start-up code, and functions in assembly that no package's name stands before.
    let text = section(binary, ".text");
    let known: u64 = text.parts.iter().filter(|part| part.kind == Kind::Module).map(|part| part.bytes).sum();
    assert!(known * 100 > text.bytes * 95, "{what}: {known} of {} bytes of code", text.bytes);
    for package in ["main", "example.com/program/inner", "example.com/greeting.v2", "runtime"] {
        assert!(bytes_of(binary, Kind::Package, package) > 100, "{what}: {package}");
    }
    assert!(bytes_of(binary, Kind::Package, "runtime") > 200_000, "{what}");
    assert!(bytes_of(binary, Kind::Module, "std") > 200_000, "{what}");
    assert_eq!(
        bytes_of(binary, Kind::Module, "example.com/greeting.v2"),
        bytes_of(binary, Kind::Package, "example.com/greeting.v2")
    );
}

/// Binaries of one version of Go, linked in all ways.
fn check_toolchain(program: &Program, toolchain: &str) {
    let with = [("GOTOOLCHAIN", toolchain)];
    let cgo = [("GOTOOLCHAIN", toolchain), ("CGO_ENABLED", "1")];
    let external = "-ldflags=-s -w -linkmode=external";
    for (how, arguments, environment) in [
        ("stripped", &[STRIPPED][..], &with[..]),
        ("whole", &[], &with),
        ("pie", &[STRIPPED, "-buildmode=pie"], &with),
        ("cgo", &[external], &cgo),
        ("cgo and pie", &[external, "-buildmode=pie"], &cgo),
    ] {
        let what = format!("go {toolchain}, {how}");
        let binary = explain(&program.build("program", arguments, environment));
        check(&binary, &what);
        let has_symbols = binary.remarks.iter().any(|remark| remark.text.contains("-s -w"));
        assert_eq!(has_symbols, how == "whole", "{what}: {:?}", binary.remarks);
        assert_eq!(bytes_of(&binary, Kind::Embed, "large.txt"), EMBEDDED as u64, "{what}");
    }
}

#[test]
fn every_way_of_linking_is_explained() {
    let program = Program::new();
    check_toolchain(&program, "local");
    let others = std::env::var("GO_TOOLCHAINS").unwrap_or_default();
    for toolchain in others.split_whitespace() {
        check_toolchain(&program, toolchain);
    }
}

#[test]
fn so_are_other_word_sizes_and_byte_orders() {
    let program = Program::new();
    for architecture in ["arm", "s390x"] {
        check(&explain(&program.build("program", &[STRIPPED], &[("GOARCH", architecture)])), architecture);
    }
}

#[test]
fn a_stripped_binary_says_what_the_whole_one_says_of_its_code() {
    let program = Program::new();
    let stripped = explain(&program.build("stripped", &[STRIPPED], &[]));
    let whole = explain(&program.build("whole", &[], &[]));
    let modules = |binary: &Binary| {
        let parts = section(binary, ".text").parts.iter().filter(|part| part.kind == Kind::Module);
        parts.map(|part| (part.name.clone(), part.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(modules(&stripped), modules(&whole));
}
