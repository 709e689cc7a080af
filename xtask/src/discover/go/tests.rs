//! Small repositories, written as Go writes those of its own tests: `-- path --` before each file.

use camino::Utf8PathBuf;

use super::*;

pub(super) struct Repository {
    pub(super) tree: Tree,
    _folder: tempfile::TempDir,
}

pub(super) fn repository(archive: &str) -> Repository {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a path in UTF-8");
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in archive.split_inclusive('\n') {
        match line.strip_prefix("-- ").and_then(|line| line.trim_end().strip_suffix(" --")) {
            Some(name) => files.push((name, String::new())),
            None => files.last_mut().map_or((), |(_, text)| text.push_str(line)),
        }
    }
    for (name, text) in files {
        crate::files::write(&root.join(name), text.as_bytes()).expect("can write");
    }
    Repository { tree: Tree::new(root), _folder: folder }
}

fn flags() -> Flags {
    Flags { goarchs: vec!["amd64".into(), "arm64".into()], cgo: false, tags: Vec::new(), go_minor: 26 }
}

/// Each main package as `folder executable run-folder package`.
fn mains(repository: &Repository) -> Vec<String> {
    let found = read(&repository.tree).expect("can read").mains;
    let line = |main: &Main| format!("{} {} {} {}", main.dir, main.executable, main.run_dir, main.package);
    found.iter().map(line).collect()
}

fn inputs_of(repository: &Repository, dir: &str, flags: &Flags) -> Result<Inputs> {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    inputs(&repository.tree, main, flags)
}

#[test]
fn the_shortest_way_into_a_module() {
    let repository = repository(
        r#"
-- go.mod --
module example.com/shop

go 1.26.0

require (
	github.com/a/b v1.0.0
	github.com/a/b/v2 v2.0.0
	github.com/a/bc v1.0.0
)
-- main.go --
package main

import (
	_ "example.com/shop/internal/api"
	_ "example.com/shop/internal/far"
	_ "fmt"
	_ "github.com/a/b/v2/near"
)

func main() {}
-- internal/api/api.go --
package api

import _ "github.com/a/b/far"
import _ "github.com/a/b/v2/elsewhere"
-- internal/far/far.go --
package far

import _ "example.com/shop/internal/api"
import _ "github.com/a/bc"
"#,
    );
    let found = read(&repository.tree).expect("can read").mains;
    let modules = ["github.com/a/b", "github.com/a/b/v2", "github.com/a/bc", "github.com/a/c", "example.com/shop"];
    let ways = ways_into(&repository.tree, &found[0], &flags(), &modules).expect("can read");
    let ways: Vec<_> = ways.iter().map(|(module, way)| format!("{module}: {way}")).collect();
    assert_eq!(
        ways,
        [
            "github.com/a/b: example.com/shop imports example.com/shop/internal/api imports github.com/a/b/far",
            "github.com/a/b/v2: example.com/shop imports github.com/a/b/v2/near",
            "github.com/a/bc: example.com/shop imports example.com/shop/internal/far imports github.com/a/bc",
        ]
    );
}

const ORDINARY: &str = r#"
-- go.mod --
module example.com/shop

go 1.26.0

require (
	example.com/common v0.0.0
	github.com/spf13/cobra v1.9.1
)

replace example.com/common => ./common
-- go.sum --
-- common/go.mod --
module example.com/common

go 1.26.0
-- common/text/text.go --
package text
-- cmd/server/main.go --
package main

import (
	_ "embed"
	"fmt"

	"example.com/common/text"
	"example.com/shop/internal/store"
)

//go:embed index.html static/*
var page string
-- cmd/server/main_test.go --
package main

import "example.com/shop/internal/fake"
-- cmd/server/gen.go --
//go:build ignore

package main
-- cmd/server/wake_windows.go --
package main

import "example.com/shop/internal/windows"
-- cmd/worker/v2/main.go --
package main

import "github.com/spf13/cobra/doc"
-- internal/store/store.go --
package store
-- internal/store/store_arm64.s --
-- internal/store/store_darwin.go --
package store
-- internal/store/fast.go --
//go:build amd64 && go1.26 && !purego

package store

import "example.com/shop/internal/fast"
-- internal/fast/fast.go --
package fast
-- cmd/tests/only_test.go --
package main
-- _old/main.go --
package main
-- testdata/main.go --
package main
"#;

#[test]
fn an_ordinary_module_has_the_mains_that_go_lists() {
    let repository = repository(ORDINARY);
    assert_eq!(mains(&repository), ["cmd/server server  ./cmd/server", "cmd/worker/v2 worker  ./cmd/worker/v2"]);
}

#[test]
fn inputs_are_the_closure_of_the_imports() {
    let repository = repository(ORDINARY);
    let package = |dir: &str, files: &[&str], embeds: &[&str]| {
        Arc::new(InputPackage {
            dir: dir.into(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            embeds: embeds.iter().map(|embed| (*embed).to_owned()).collect(),
        })
    };
    let server = inputs_of(&repository, "cmd/server", &flags()).expect("builds");
    assert_eq!(server.module_files, ["common/go.mod", "go.mod", "go.sum"]);
    assert_eq!(server.third_party, [""; 0]);
    assert_eq!(
        server.packages,
        [
            package("cmd/server", &["main.go"], &["index.html", "static/*"]),
            package("common/text", &["text.go"], &[]),
            package("internal/fast", &["fast.go"], &[]),
            package("internal/store", &["fast.go", "store.go", "store_arm64.s"], &[]),
        ]
    );
    let arm = Flags { goarchs: vec!["arm64".into()], ..flags() };
    let server = inputs_of(&repository, "cmd/server", &arm).expect("builds");
    assert_eq!(server.packages.len(), 3, "{:?}", server.packages);
    let worker = inputs_of(&repository, "cmd/worker/v2", &flags()).expect("builds");
    assert_eq!(worker.third_party, ["github.com/spf13/cobra/doc"]);
}

#[test]
fn a_workspace_is_built_from_its_own_folder() {
    let repository = repository(
        r#"
-- go/go.work --
go 1.26
use (
	./a/
	"b"
)
-- go/go.work.sum --
-- go/a/go.mod --
module a.example
go 1.26
-- go/a/go.sum --
-- go/a/main.go --
package main
import "b.example/lib"
-- go/b/go.mod --
module b.example
go 1.26
-- go/b/lib/lib.go --
package lib
-- go/alone/go.mod --
module alone.example
-- go/alone/main.go --
package main
"#,
    );
    assert_eq!(mains(&repository), ["go/a a.example go ./a", "go/alone alone.example go/alone ."]);
    let inputs = inputs_of(&repository, "go/a", &flags()).expect("builds");
    assert_eq!(inputs.module_files, ["go/a/go.mod", "go/a/go.sum", "go/b/go.mod", "go/go.work", "go/go.work.sum"]);
    assert_eq!(inputs.packages.iter().map(|package| package.dir.as_str()).collect::<Vec<_>>(), ["go/a", "go/b/lib"]);
}

#[test]
fn what_go_refuses_is_told_with_file_and_line() {
    let text = |error: &anyhow::Error| format!("{error:#}");
    let repository = repository(
        r#"
-- go.mod --
module m.example
go 1.26
-- broken/go.mod --
module broken
requires x
-- broken/main.go --
package main
-- missing/main.go --
package main

import "example.com/nowhere"
-- cgo/main.go --
package main

import "C"
"#,
    );
    let found = read(&repository.tree).expect("can read");
    let problems: Vec<_> = found.problems.iter().map(|problem| (&*problem.place, &*problem.message)).collect();
    assert_eq!(problems, [("broken/go.mod:2", "unknown directive: requires")]);
    assert_eq!(mains(&repository), ["cgo cgo  ./cgo", "missing missing  ./missing"]);
    let missing = inputs_of(&repository, "missing", &flags()).expect_err("is refused");
    assert_eq!(text(&missing), "missing/main.go:3: no required module provides example.com/nowhere");
    let cgo = inputs_of(&repository, "cgo", &flags()).expect_err("is refused");
    assert_eq!(text(&cgo), "build constraints exclude all Go files in cgo");
    inputs_of(&repository, "cgo", &Flags { cgo: true, ..flags() }).expect("builds with cgo");
}

fn files_of(repository: &Repository, dir: &str, flags: &Flags) -> Vec<String> {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    let files = files(&repository.tree, main, flags).expect("builds");
    files.iter().map(|file| file.to_string()).collect()
}

fn explained(repository: &Repository, dir: &str, flags: &Flags, file: &str) -> String {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    explain(&repository.tree, main, flags, Utf8Path::new(file)).expect("is explained")
}

const WITH_C: &str = r#"
-- go.mod --
module m.example
go 1.26
-- cmd/app/main.go --
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../include -DX="a b"
#cgo linux LDFLAGS: -L${SRCDIR}/../../target/release -lengine
#cgo windows LDFLAGS: -L${SRCDIR}/../../target/release -lother
#cgo LDFLAGS: ${SRCDIR}/own.o
#include "deep/a.h"
#include <stdio.h>
*/
import "C"

import _ "m.example/asm"
-- cmd/app/code.c --
#include "local.h"
-- cmd/app/local.h --
#include "../shared/b.h"
-- cmd/app/own.o --
-- cmd/app/default.pgo --
-- cmd/shared/b.h --
#include "c.h"
-- cmd/shared/c.h --
#include "b.h"
-- cmd/shared/unused.h --
-- include/deep/a.h --
-- target/release/libengine.a --
-- target/release/libother.a --
-- asm/asm.go --
package asm
-- asm/asm_amd64.s --
#include "textflag.h"
#include "../include/deep/asm.h"
-- include/deep/asm.h --
"#;

#[test]
fn what_c_reaches_elsewhere_is_an_input() {
    let repository = repository(WITH_C);
    let cgo = Flags { cgo: true, ..flags() };
    assert_eq!(
        files_of(&repository, "cmd/app", &cgo),
        [
            "asm/asm.go",
            "asm/asm_amd64.s",
            "cmd/app/code.c",
            "cmd/app/default.pgo",
            "cmd/app/local.h",
            "cmd/app/main.go",
            "cmd/app/own.o",
            "cmd/shared/b.h",
            "cmd/shared/c.h",
            "go.mod",
            "include/deep/a.h",
            "include/deep/asm.h",
            "target/release/libengine.a",
        ]
    );
    let named = inputs_of(&repository, "cmd/app", &cgo).expect("builds").named;
    assert_eq!(named.len(), 7, "{named:?}");
    let old = Flags { go_minor: 20, goarchs: vec!["arm64".into()], ..cgo };
    let files = files_of(&repository, "cmd/app", &old);
    assert!(!files.iter().any(|file| file.ends_with("default.pgo") || file.contains("asm.h")), "{files:?}");
}

#[test]
#[cfg(unix)]
fn links_are_inputs_with_what_they_lead_to() {
    let repository = repository(
        r#"
-- go.mod --
module m.example
go 1.26
-- main.go --
package main
import _ "m.example/linked/sub"
-- real/sub/sub.go --
package sub
-- other/text.go --
package main
"#,
    );
    let root = repository.tree.root();
    std::os::unix::fs::symlink("real", root.join("linked")).expect("links");
    std::os::unix::fs::symlink("other/../other/text.go", root.join("text.go")).expect("links");
    let expected = ["go.mod", "linked", "linked/sub/sub.go", "main.go", "other/text.go", "real/sub/sub.go", "text.go"];
    assert_eq!(files_of(&repository, "", &flags()), expected);
    std::os::unix::fs::symlink("/etc/passwd", root.join("outside.go")).expect("links");
    let tree = Tree::new(root.to_owned());
    let main = read(&tree).expect("can read").mains.remove(0);
    let error = files(&tree, &main, &flags()).expect_err("is refused");
    assert!(format!("{error:#}").contains("outside.go"), "{error:#}");
}

#[test]
fn every_file_is_explained() {
    let c = repository(WITH_C);
    let cgo = Flags { cgo: true, ..flags() };
    let ordinary = repository(ORDINARY);
    let amd64 = Flags { goarchs: vec!["amd64".into()], ..flags() };
    let table = [
        ("go.mod", "in: Go reads it to know the modules"),
        ("cmd/server/main.go", "in: compiled"),
        (
            "internal/fast/fast.go",
            "in: compiled; example.com/shop/cmd/server imports example.com/shop/internal/store imports \
             example.com/shop/internal/fast",
        ),
        ("cmd/server/main_test.go", "out: a test of example.com/shop/cmd/server"),
        ("cmd/server/gen.go", "out: its constraint `//go:build ignore` does not hold on linux/amd64"),
        ("cmd/server/wake_windows.go", "out: its name keeps it for another platform than linux/amd64"),
        (
            "cmd/worker/v2/main.go",
            "out: neither example.com/shop/cmd/server nor what it imports imports example.com/shop/cmd/worker/v2",
        ),
        ("common/go.sum", "out: there is no such file"),
        ("cmd", "out: it is a folder"),
        ("cmd/server/index.html", "in: embedded by cmd/server/main.go:11 as `index.html`"),
        ("README.md", "out: Go does not compile such a file, and no compiled file embeds, includes or links it"),
        ("other/main.go", "out: the build of example.com/shop/cmd/server does not load its module other.example"),
        ("other/go.mod", "out: the build of example.com/shop/cmd/server loads no module or workspace from there"),
    ];
    let root = ordinary.tree.root();
    for (file, text) in [
        ("cmd/server/index.html", "hello"),
        ("cmd/server/static/a.css", "a {}"),
        ("README.md", "read"),
        ("other/go.mod", "module other.example\n"),
        ("other/main.go", "package main\n"),
    ] {
        crate::files::write(&root.join(file), text.as_bytes()).expect("can write");
    }
    for (file, expected) in table {
        assert_eq!(explained(&ordinary, "cmd/server", &amd64, file), expected, "{file}");
    }
    assert_eq!(explained(&c, "cmd/app", &cgo, "cmd/app/default.pgo"), "in: Go optimises by this profile");
    assert_eq!(explained(&c, "cmd/app", &cgo, "cmd/shared/b.h"), "in: cmd/app/local.h includes or links it");
    assert_eq!(
        explained(&c, "cmd/app", &cgo, "asm/asm_amd64.s"),
        "in: compiled; m.example/cmd/app imports m.example/asm"
    );
}

#[test]
fn a_copy_of_a_library_is_whole_where_others_may_import_it() {
    let archive = r#"
-- go.mod --
module github.com/us/shop
go 1.26
require (
	github.com/them/lib v1.2.3
	github.com/third/user v1.0.0
	github.com/us/common v0.0.0
)
replace github.com/them/lib => ./forks/lib
replace github.com/us/common => ./common
-- main.go --
package main
import (
	_ "github.com/them/lib/a"
	_ "github.com/us/common"
)
-- user/main.go --
package main
import (
	_ "github.com/third/user"
	_ "github.com/us/common"
)
-- forks/lib/go.mod --
module github.com/them/lib
-- forks/lib/a/a.go --
package a
-- forks/lib/b/b.go --
package b
-- forks/lib/testdata/t.go --
package t
-- common/go.mod --
module github.com/us/common
-- common/common.go --
package common
-- common/other/other.go --
package other
"#;
    let repository = repository(archive);
    let folders = |dir: &str| -> Vec<String> {
        let inputs = inputs_of(&repository, dir, &flags()).expect("builds");
        inputs.packages.iter().map(|package| package.dir.to_string()).collect()
    };
    // Nothing from elsewhere is imported, so nothing else can import the copy.
    assert_eq!(folders(""), ["", "common", "forks/lib/a"]);
    // What `user` imports is not known here. It may import the library, but hardly the repository's own module.
    assert_eq!(folders("user"), ["common", "forks/lib/a", "forks/lib/b", "user"]);
    assert!(
        explained(&repository, "user", &flags(), "forks/lib/b/b.go").starts_with("in: a module from elsewhere may")
    );
}

#[test]
fn vendored_packages_are_followed_and_a_stale_folder_is_refused() {
    let archive = r#"
-- go.mod --
module m.example
go 1.26
require example.com/a v1.0.0
-- main.go --
package main
import _ "example.com/a/b"
-- vendor/modules.txt --
# example.com/a v1.0.0
## explicit; go 1.26
example.com/a/b
example.com/a/c
-- vendor/example.com/a/b/b.go --
package b
import _ "example.com/a/c"
-- vendor/example.com/a/c/c.go --
package c
-- vendor/example.com/a/d/d.go --
package d
"#;
    let whole = repository(archive);
    let inputs = inputs_of(&whole, "", &flags()).expect("builds");
    assert_eq!(inputs.vendor.as_deref(), Some(Utf8Path::new("vendor")));
    assert_eq!(inputs.third_party, ["example.com/a/b", "example.com/a/c"]);
    let expected =
        ["go.mod", "main.go", "vendor/example.com/a/b/b.go", "vendor/example.com/a/c/c.go", "vendor/modules.txt"];
    assert_eq!(files_of(&whole, "", &flags()), expected);
    let stale = repository(&archive.replace("require example.com/a v1.0.0", "require example.com/a v1.1.0"));
    let error = inputs_of(&stale, "", &flags()).expect_err("is refused");
    assert_eq!(
        format!("{error:#}"),
        "inconsistent vendoring: example.com/a v1.1.0 is required, but not marked as explicit in vendor/modules.txt"
    );
}
